"""Folds: every picture is held out once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hubel.data.open import fingerprint, lot
from hubel.data.types import Data


def held_out(data: Data, *, seed: int, folds: int, fold: int) -> Data:
    """The data with one of its `folds` parts, number `fold` from 1 on, for validation and the
    others to train on.

    What is divided is the training part, or where there is none all of it. Every class is divided
    evenly, by a hash of seed and name, as with a share that is set aside. ValueError for a class
    with one picture, for more folds than pictures in every class, and for pictures with several.
    """
    if folds < 2 or not 1 <= fold <= folds:
        raise ValueError(f"fold {fold} of {folds}: two folds at least, numbered from 1")
    data.one_each("folds divide data with one class a picture; train without")
    pool = data.train if len(data.train) else data.val
    part = np.zeros(len(pool), np.int64)
    for target, label in enumerate(pool.classes):
        members = np.flatnonzero(pool.targets == target).tolist()
        if len(members) == 1:
            only = pool.names[members[0]]
            remedy = "add another or remove the class"
            raise ValueError(f"{data.where}: the class {label} has one picture ({only}); {remedy}")
        drawn = sorted(members, key=lambda i: lot(seed, pool.names[i]))
        part[drawn] = (np.arange(len(drawn)) + target) % folds  # not all rests in the first fold
    held = part == fold - 1
    if not held.any():
        raise ValueError(f"{data.where}: {len(pool)} pictures are too few for {folds} folds")
    train, val = (pool.take(np.flatnonzero(side)) for side in (~held, held))
    words = f"fold {fold} of {folds} for val, every class divided evenly, chosen by seed {seed}"
    if len(data.train) and len(data.val):
        words += "; the part that was for validation is left alone"
    print_ = fingerprint(data.classes, train, val)
    return replace(data, train=train, val=val, split=words, fingerprint=print_)
