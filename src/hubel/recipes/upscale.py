"""Super-resolution x2 from a folder of pictures.

hubel train path/to/superres --recipe upscale
"""

from hubel.data.geometry import Mirror
from hubel.data.moving import Turn
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    task="upscale",
    head={"scale": 2},
    network="edsr_slim",
    preprocess=Preprocess(size=(48, 48), filter="bicubic", channels=1, mean=(0.5,), std=(0.25,)),
    augment=(Mirror(), Turn()),
    epochs=20,
    batch=16,
    optimizer={"name": "adamw", "lr": 1e-3},
    schedule={"name": "cosine", "warmup": 0.02},
    average=0.999,
    precision="bf16",
)
