"""The CIFAR settings of the residual networks' paper: SGD at 0.1, divided by 10 twice.

    hubel train path/to/cifar10 --recipe resnet-2015
    hubel train path/to/cifar10 --recipe resnet-2015 --network resnet56 --epochs 5

He et al. 2015 (arXiv 1512.03385), section 4.2: 64,000 steps of 128 pictures, the rate divided at
32,000 and 48,000, decay 1e-4, no dropout; 4 pixels of padding, a random cut, mirrored or not. With
--epochs the division stays at one half and three quarters of the run. One value differs: the mean
that is taken off is that of each colour, not of each pixel. The
paper's ResNet-20 errs on 8.75 % of the original pictures. Many hours on two cores: five epochs take
about 25 minutes on one quiet thread.
"""

from hubel.data.augment import Mirror, Shift
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    network="resnet20",
    preprocess=Preprocess(
        size=(32, 32), fit="squash", mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262)
    ),
    augment=(Shift(4), Mirror()),
    steps=64_000,
    batch=128,
    optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.9},
    decay=1e-4,
    schedule={"name": "stairs", "at": [0.5, 0.75], "factor": 0.1},
)
