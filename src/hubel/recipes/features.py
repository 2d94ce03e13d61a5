"""A new head on frozen features: seconds of training, for few pictures or a first look.

    hubel train path/to/folder --recipe features --weights runs/classify/x
    hubel train path/to/folder --recipe features --weights x.pth --network resnet18 --word head=mlp

MINUTES AND SCORE
"""

from hubel.recipes.photos import RECIPE as PHOTOS

RECIPE = PHOTOS.replace(
    epochs=100,
    optimizer={"name": "adamw", "lr": 0.01},
    decay=1e-2,
    schedule={"name": "cosine"},
    average=None,
    thaw=1.0,
    views=4,
)
