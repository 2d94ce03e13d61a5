"""Objects with their boxes: a one-stage detector on a small residual network.

    hubel train path/to/data --task detect     # pictures in their own shape, up to 320 pixels
    hubel train path/to/data --recipe detect   # squares of 320 pixels

`hubel train shapes --task detect`, generated scenes of 128 pixels: a minute on two cores (62 and 70
seconds), 64.5 and 76.8 % mAP@0.5, two seeds. Few pictures need more --epochs; processors that
multiply bf16 take 0.6 of the time with --precision bf16.
"""

from hubel.data.augment import Brightness, Contrast, Mirror, Place
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    task="detect",
    network="resnet18",
    words={"width": 32, "widen": 0.7},
    head={"name": "pyramid", "width": 64},
    preprocess=Preprocess(
        size=(320, 320), fit="pad", fill=114, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    ),
    augment=(Mirror(), Place(scale=(0.7, 1.4)), Brightness(0.2), Contrast(0.2)),
    epochs=8,
    batch=8,
    optimizer={"name": "adamw", "lr": 4e-3},
    decay=0.05,
    schedule={"name": "cosine", "warmup": 0.05},
    average=0.98,
    clip=10.0,
    validate=4,
)
