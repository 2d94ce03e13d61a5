"""What networks are trained with today, every practice a word that --without takes.

    hubel train path/to/cifar10 --recipe modern
    hubel train path/to/folder --recipe modern --network resnet18 --size 128
    hubel train path/to/cifar10 --recipe modern --without mix,trivialaugment,smoothing

A rate that rises and falls along a cosine, label smoothing, half of the pictures mixed (mixup or
CutMix), TrivialAugment, moved, mirrored, a square erased, blocks left out (the last of them in one
step of ten), weights averaged. Strong augmentation pays over many epochs: --quick, where it cannot,
reached 28 % in one and a half minutes on one busy thread, one seed, before blocks were left out.
"""

from hubel.data.augment import Erase, Mirror, Shift, TrivialAugment
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    network="resnet14",
    words={"drop": 0.1},
    preprocess=Preprocess(
        size=(32, 32), fit="crop", mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262)
    ),
    augment=(TrivialAugment(), Shift(4), Mirror(), Erase(8)),
    epochs=60,
    batch=128,
    optimizer={"name": "sgd", "lr": 0.2, "momentum": 0.9, "nesterov": True},
    decay=5e-4,
    schedule={"name": "cosine", "warmup": 0.1},
    loss={"name": "cross-entropy", "smoothing": 0.1},
    mix={"name": "either", "mixup": 0.2, "cutmix": 1.0, "share": 0.5},
    average=0.999,
    clip=5.0,
)
