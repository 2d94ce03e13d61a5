"""Objects with their boxes: a one-stage detector on a small residual network.

    hubel train path/to/data --task detect
    hubel train shapes --task detect

Generated scenes of 128 pixels take about a minute.
"""

from hubel.data.augment import Brightness, Contrast, Mirror, Place
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    task="detect",
    network="resnet18",
    words={"width": 32},
    head={"name": "pyramid", "width": 64},
    preprocess=Preprocess(
        size=(320, 320), fit="pad", fill=114, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    ),
    augment=(Mirror(), Place(scale=(0.7, 1.4)), Brightness(0.2), Contrast(0.2)),
    epochs=8,
    batch=8,
    optimizer={"name": "adamw", "lr": 2e-3},
    decay=0.05,
    schedule={"name": "cosine", "warmup": 0.05},
    average=0.99,
    clip=10.0,
    validate=4,
)
