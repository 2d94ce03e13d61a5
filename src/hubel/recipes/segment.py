"""A class for every pixel: a U-Net-like decoder on a small residual network.

    hubel train path/to/data --recipe segment
    hubel train shapes --task segment

Some minutes for generated scenes of 128 pixels; its score in % is not recorded yet.
"""

from hubel.data.augment import Brightness, Contrast, Mirror, Place
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    task="segment",
    network="resnet18",
    words={"width": 32},
    preprocess=Preprocess(
        size=(320, 320), fit="pad", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    ),
    augment=(Mirror(), Place(scale=(0.7, 1.4)), Brightness(0.2), Contrast(0.2)),
    epochs=20,
    batch=16,
    optimizer={"name": "adamw", "lr": 2e-3},
    decay=0.05,
    schedule={"name": "cosine", "warmup": 0.05},
    average=0.99,
    clip=10.0,
    validate=5,
)
