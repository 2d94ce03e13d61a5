"""The beginner's CIFAR-10 program: two 5x5 convolutions, three dense layers, plain SGD.

    hubel train path/to/cifar10 --recipe lecture
    hubel train path/to/cifar10 --recipe lecture --quick

Convolutions of 6 and 16 maps, each with 2x2 max pooling, dense layers of 120, 84 and 10: LeNet-5's
modern form on colours (its 120 maps of 1x1 are the first dense layer). Batches of 4, rate 0.001,
momentum 0.9, ten epochs, no augmentation. The program that beginners type ends near 62 % of the
original pictures; on the JPEG copy 61.4 %, the mean of three seeds (benchmarks/lecture.py), in 8.5
minutes on one thread. With --quick 26 % in half a minute, one seed. `hubel check` shows pictures
first; the accuracy of every class is printed at the end and stands in the report, with the pictures
as the network gets them.
"""

from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    network="lenet5",
    preprocess=Preprocess(size=(32, 32), fit="squash", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    epochs=10,
    batch=4,
    optimizer={"name": "sgd", "lr": 0.001, "momentum": 0.9},
    schedule={"name": "constant"},
    threads=1,  # steps this small are no faster on more
)
