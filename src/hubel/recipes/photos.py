"""Photographs of one's own: ResNet-18 from scratch at 128 pixels.

    hubel train path/to/folder --recipe photos

22 seconds an epoch for 245 photographs on one busy thread, 11 minutes for its 30 epochs. From
scratch a few hundred photographs are few: 62.75 % of ants and bees after 3 epochs, one seed. Start
from weights (--weights) where you have some.
"""

from hubel.data.augment import Brightness, Contrast, Crop, Mirror
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    network="resnet18",
    preprocess=Preprocess(
        size=(128, 128),
        fit="crop",
        crop=0.875,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
    canvas=160,
    augment=(Crop((128, 128)), Mirror(), Brightness(0.2), Contrast(0.2)),
    epochs=30,
    batch=32,
    optimizer={"name": "sgd", "lr": 0.02, "momentum": 0.9, "nesterov": True},
    decay=5e-4,
    schedule={"name": "triangle", "peak": 0.2},
    loss={"name": "cross-entropy", "smoothing": 0.1},
    average=0.99,
)
