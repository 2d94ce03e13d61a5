"""From one's own run to other classes: the small form of benchmarks/transfer.py."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import hubel
from hubel.training.run import Run
from hubel.verbs.gather import gather
from hubel.verbs.train import _trainer
from hubel.data.augment import Affine
from hubel.training.progress import Quiet
from hubel.verbs.choose import choose
from hubel.verbs.origin import origin

QUIET = {"threads": 1, "progress": "quiet"}


class Digits(torch.utils.data.Dataset):
    """Real digits of these classes, of each those `among` its pictures, at `copies` random places.

    Pixels alone tell little, so what a network has learnt about digits is worth something.
    """

    def __init__(self, classes: range, among: slice, copies: int = 1, seed: int = 0):
        from sklearn.datasets import load_digits

        known, draw = load_digits(), np.random.default_rng(seed)
        kept = [np.flatnonzero(known.target == c)[among] for c in classes]
        self.targets = np.repeat(np.arange(len(classes)), [len(found) for found in kept])
        self.targets = np.tile(self.targets, copies)
        digits = known.images[np.concatenate(kept)].repeat(2, 1).repeat(2, 2) * 255 / 16
        digits = np.tile(digits.astype(np.uint8), (copies, 1, 1))
        self.pictures = np.zeros((len(digits), 24, 24), np.uint8)
        for picture, digit, (y, x) in zip(
            self.pictures, digits, draw.integers(0, 9, (len(digits), 2))
        ):
            picture[y : y + 16, x : x + 16] = digit

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.pictures[i], int(self.targets[i])


NAMES = ["a", "b", "c", "d", "e"]
SMALL = {"width": 8}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A narrow ResNet-14 that knows the digits 0 to 4."""
    data = (Digits(range(5), slice(140), 5), Digits(range(5), slice(140, None), 1, 1))
    run = hubel.train(
        data, recipe="resnet14", words=SMALL, classes=NAMES, epochs=2, batch=50, augment=(),
        runs=tmp_path_factory.mktemp("runs"), **QUIET,
    )  # fmt: skip
    print(run.scores)
    assert run.scores["val_top1"] > 0.9
    return run


def score(few, folder, **words) -> float:
    """Of a training as `hubel.train` does it, without report and bundle."""
    words = {"threads": 1, "batch": 5, **words}
    chosen = choose(few, None, words.pop("recipe"), words.pop("words", None), False, words)
    trainer = _trainer(chosen, gather(chosen, few, NAMES, False), None, None)
    return trainer.fit(Run.create(folder, chosen), Quiet()).top1


def test_features_and_finetuning_beat_training_from_scratch(first, tmp_path):
    few = (Digits(range(5, 10), slice(5)), Digits(range(5, 10), slice(100, None), 1, 1))
    weights = {"weights": str(first.path)}
    features = score(few, tmp_path, recipe="features", **weights)
    finetune = score(few, tmp_path, recipe="finetune", epochs=20, **weights)
    words = {"words": SMALL, "epochs": 40, "lr": 0.05, "augment": ()}
    scratch = score(few, tmp_path, recipe="resnet14", **words)
    print(features, finetune, scratch)
    assert min(features, finetune) > scratch + 0.1
