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
    epochs=16,
    batch=16,
    optimizer={"name": "muon", "lr": 0.01, "other": 1.0},
    schedule={"name": "cosine", "warmup": 0.02},
    average=0.999,
    precision="bf16",
)
