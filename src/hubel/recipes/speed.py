"""CIFAR-10 as fast as a processor can: the record network of airbench, fewer operations.

    hubel train path/to/cifar10 --recipe speed

Batches of 500 instead of 2,000; pictures grow from 24 to 32 pixels on the way; the whitening first
layer is never trained; tuning takes bf16 where the processor multiplies such matrices, and then it
is a matter of minutes on two cores. In bf16 on two cores of a shared machine: 10 minutes, 89.86 %
on CIFAR-10's JPEG copy, 90.99 % with test-time views, means of three seeds. The views:

    hubel val RUN path/to/cifar10 --views mirror-translate
"""

from hubel.data.augment import Mirror, Shift
from hubel.pictures import Preprocess
from hubel.training.recipe import Recipe

RECIPE = Recipe(
    network="airbench94",
    preprocess=Preprocess(
        size=(32, 32), fit="squash", mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616)
    ),
    augment=(Shift(2, fill="reflect"), Mirror(alternate=True)),
    epochs=10,
    batch=500,
    sizes=((0.25, 24), (0.5, 28)),
    whiten=True,
    optimizer={
        "name": "muon", "lr": 0.12, "momentum": 0.6, "iterations": 3, "other": 500, "unit": True
    },
    rules=(
        {"match": "stem", "freeze": True},
        {"match": r"stages.*(norm|2\.0)\.weight", "freeze": True},
    ),
    decay=0.05,
    schedule={"name": "triangle", "peak": 0},
    loss={"name": "cross-entropy", "smoothing": 0.2},
    tune=True,
)  # fmt: skip
