"""Blood cells: a one-stage detector, from scratch, on 205 pictures of 640 x 480.

    hubel train path/to/bccd --recipe cells

90.6 % mAP@0.5 on the 87 validation pictures (platelets 86.7, red 85.5, white 99.6 %; COCO's mAP
61.7 %), one seed, after 11 minutes of one processor: 41 minutes by the clock on a quarter of one.
Published with pre-trained detectors: 90.0 to 94.5 %. Cells have no up or down, hence both
reflections. bf16 is for processors and GPUs that multiply it; elsewhere: --precision float32.
"""

from hubel.data.augment import Brightness, Contrast, Flip, Mirror, Mosaic, Place
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    task="detect",
    network="resnet18",
    words={"width": 32},
    head={"name": "pyramid", "width": 64},
    preprocess=Preprocess(
        size=(240, 320), fit="pad", fill=186, mean=(0.74, 0.70, 0.71), std=(0.06, 0.10, 0.08)
    ),
    augment=(
        Mirror(), Flip(), Place(scale=(0.8, 1.4)), Mosaic(share=0.4, scale=(0.8, 1.4)),
        Brightness(0.15), Contrast(0.15),
    ),
    epochs=50,
    batch=8,
    optimizer={"name": "adamw", "lr": 2e-3},
    decay=0.05,
    schedule={"name": "cosine", "warmup": 0.05},
    average=0.995,
    clip=10.0,
    precision="bf16",
    validate=10,
)  # fmt: skip
