"""AlexNet as trained in 2012: cut, mirrored and relit photographs, dropout, SGD with decay.

    hubel train path/to/folder --recipe alexnet-2012
    hubel train path/to/folder --recipe alexnet-2012 --quick --batch 32

Krizhevsky et al. 2012, sections 4 and 5: squares of 256 pixels, a window cut anywhere, mirrored or
not, colours moved along their principal components; dropout 0.5; batches of 128, momentum 0.9,
decay 5e-4 on everything, rate 0.01. The paper divided the rate by 10 by hand, three times in about
90 cycles, whenever the validation error stood still; here the times are fixed shares of the run.
Its windows are said to be 224 pixels, its arithmetic needs 227. Inputs reach the network in 0..255
less the mean, since its weights of deviation 0.01 are drawn for that. Made for a million
photographs: 59.3 % of ImageNet's with one network (the paper's 40.7 % error), days on a GPU. On
a CPU it is slow: one epoch of 245 photographs in batches of 32 took 5 minutes of a busy thread.
"""

from hubel.data.augment import Cut, Lighting, Mirror
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    network="alexnet-2012",
    words={"dropout": 0.5},
    preprocess=Preprocess(
        size=(227, 227), fit="crop", crop=227 / 256, mean=(0.485, 0.456, 0.406), std=(1 / 255,) * 3
    ),
    canvas=256,
    augment=(Cut((227, 227)), Mirror(), Lighting(0.1)),
    epochs=90,
    batch=128,
    optimizer={"name": "sgd", "lr": 0.01, "momentum": 0.9},
    decay=5e-4,
    decay_all=True,
    schedule={"name": "stairs", "at": [1 / 3, 2 / 3, 8 / 9], "factor": 0.1},
)
