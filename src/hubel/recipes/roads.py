"""Road scenes: every pixel of pictures of 480x360 is one of 11 classes, from scratch.

hubel train path/to/camvid --recipe roads
"""

from hubel.data.augment import Brightness, Contrast, Mirror, Place
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    task="segment",
    network="resnet18",
    head={"name": "unet", "width": 16, "stride": 2},
    preprocess=Preprocess(
        size=(360, 480), fit="pad", mean=(0.41, 0.42, 0.43), std=(0.31, 0.31, 0.31)
    ),
    augment=(Place((0.75, 2.0)), Mirror(), Brightness(0.3), Contrast(0.3)),
    epochs=90,
    validate=10,
    batch=4,
    optimizer={"name": "adamw", "lr": 1e-3},
    decay=0.02,
    schedule={"name": "cosine", "warmup": 0.05},
    average=0.99,
    precision="bf16",
)
