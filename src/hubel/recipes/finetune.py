"""From weights to one's own classes: the head first, then all, slower towards the first layers.

    hubel train path/to/folder --recipe finetune --weights runs/classify/x
    hubel train path/to/folder --recipe finetune --weights resnet18.pth --network resnet18

A quarter of a minute on one thread for 250 pictures of 32x32: 79.8 % of five classes of CIFAR-10
that the network, ResNet-14 after 16 epochs of five others, had not seen, five draws with --lr 0.05
(benchmarks/transfer.py; from scratch 65.8 %).
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
