"""From one's own run to other classes: the small form of benchmarks/transfer.py."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import hubel
from hubel.data.augment import Affine, Crop
from hubel.training.progress import Quiet
from hubel.training.run import Run
from hubel.verbs.choose import choose
from hubel.verbs.gather import gather
from hubel.verbs.origin import origin
from hubel.verbs.train import trainer_for

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


KNOWN, NEW = range(7), range(7, 10)
NAMES = ["seven", "eight", "nine"]
SMALL = {"width": 8}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A narrow ResNet-14 that knows the digits 0 to 6."""
    data = (Digits(KNOWN, slice(140), 4), Digits(KNOWN, slice(140, None), 1, 1))
    run = hubel.train(
        data, recipe="resnet14", words=SMALL, classes=list("0123456"), epochs=2, batch=50,
        augment=(), runs=tmp_path_factory.mktemp("runs"), **QUIET,
    )  # fmt: skip
    assert run.scores["val_top1"] > 0.9
    return run


def test_a_run_says_how_its_weights_see_pictures(first, tmp_path):
    few = (Digits(NEW, slice(5)), Digits(NEW, slice(5, 10)))
    known = origin(str(first.path))
    assert known == origin(str(first.bundle))
    assert (known["network"], known["words"], known["augment"]) == ("resnet14", SMALL, ())
    chosen = choose("digits", None, None, None, False, {"weights": str(first.path)})
    assert chosen.recipe == "finetune"
    assert chosen.thaw > 0
    assert chosen.seen == first.recipe.seen
    larger = choose("digits", None, None, None, False, {"weights": str(first.path), "size": 32})
    assert larger.seen == replace(first.recipe.seen, size=(32, 32))
    own = choose(few, None, "features", None, False, {"weights": str(first.path)})
    assert own.seen.mean == first.recipe.seen.mean
    whole = own.replace(data="digits", preprocess=larger.preprocess, network="resnet20")
    assert choose(None, None, whole, None, False, {"weights": str(first.path)}).network == (
        "resnet20"  # a complete recipe is used as it is
    )


def test_a_bundle_of_other_hands_leaves_augmentation_to_the_recipe(first, tmp_path, reseal):
    folder = Path(shutil.copytree(first.bundle, tmp_path / "bundle"))
    facts = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    facts["training"] = {}
    (folder / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
    reseal(folder)
    chosen = choose("digits", None, "finetune", None, False, {"weights": str(folder)})
    assert chosen.seen == first.recipe.seen
    assert chosen.augment[0] == Crop((24, 24))  # the page's, at the size of the bundle
    assert origin("weights.pth") == {}


def test_a_bare_file_is_seen_as_the_pictures_suggest():
    chosen = choose("digits", None, None, None, False, {"weights": "x.pth"})
    assert chosen.network == "lenet5"
    assert chosen.thaw > 0
    assert isinstance(chosen.augment[0], Affine)


def test_without_augmentation_nothing_is_cut_from_a_larger_picture():
    assert choose("digits", None, "photos", None, False, {}).canvas == 160
    assert choose("digits", None, "photos", None, False, {"augment": ()}).canvas is None


def score(few, folder, **words) -> float:
    """Of a training as `hubel.train` does it, without report and bundle."""
    words = {"threads": 1, "batch": 5, **words}
    chosen = choose(few, None, words.pop("recipe"), words.pop("words", None), False, words)
    trainer = trainer_for(chosen, gather(chosen, few, NAMES, False), None, None)
    return trainer.fit(Run.create(folder, chosen), Quiet()).top1


def test_features_and_finetuning_beat_training_from_scratch(first, tmp_path):
    few = (Digits(NEW, slice(5)), Digits(NEW, slice(100, None), 1, 1))
    weights = {"weights": str(first.path)}
    cells = {"words": {"head": "dense"}, "views": 16, "lr": 0.001, "decay": 5.0}
    features = score(few, tmp_path, recipe="features", **cells, **weights)
    finetune = score(few, tmp_path, recipe="finetune", lr=0.05, epochs=20, **weights)
    words = {"words": SMALL, "epochs": 40, "lr": 0.05, "augment": ()}
    scratch = score(few, tmp_path, recipe="resnet14", **words)
    assert features > scratch
    assert finetune > scratch + 0.05
