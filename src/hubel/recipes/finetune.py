"""From weights to one's own classes: the head first, then all, slower towards the first layers.

    hubel train path/to/folder --recipe finetune --weights runs/classify/x
    hubel train path/to/folder --recipe finetune --weights resnet18.pth --network resnet18

MINUTES AND SCORE
"""

from hubel.recipes.photos import RECIPE as PHOTOS

RECIPE = PHOTOS.replace(
    epochs=20,
    optimizer={"name": "sgd", "lr": 0.02, "momentum": 0.9, "nesterov": True},
    decay=1e-4,
    schedule={"name": "triangle", "peak": 0.3},
    thaw=0.3,
    layerwise=0.6,
)
