"""Folds: every picture once, every class evenly."""

from __future__ import annotations

import numpy as np
import pytest

from hubel.data import open_data
from hubel.data.held_out import held_out


def test_every_picture_is_held_out_once_and_trained_on_otherwise():
    data = open_data("digits", val=1)
    parts = [held_out(data, seed=3, folds=5, fold=k) for k in range(1, 6)]
    held = [name for part in parts for name in part.val.names]
    assert sorted(held) == sorted(data.val.names)
    for part in parts:
        assert not set(part.train.names) & set(part.val.names)
        assert len(part.train) + len(part.val) == len(data.val)
        counts = np.bincount(part.val.targets)
        assert (abs(counts - np.bincount(data.val.targets) / 5) < 1).all()
    assert len({part.fingerprint for part in parts}) == 5
    assert "fold 2 of 5" in parts[1].split
    sizes = [len(part.val) for part in parts]
    assert max(sizes) - min(sizes) <= 10


def test_the_seed_decides():
    data = open_data("digits", val=1)
    one, again, other = (held_out(data, seed=s, folds=3, fold=1).val.names for s in (0, 0, 1))
    assert one == again
    assert one != other


def test_a_part_that_was_for_validation_is_left_alone():
    data = open_data("digits")
    part = held_out(data, seed=0, folds=2, fold=1)
    assert not set(part.val.names) & set(data.val.names)
    assert "left alone" in part.split


@pytest.mark.parametrize(("folds", "fold"), [(1, 1), (3, 0), (3, 4)])
def test_impossible_folds(folds, fold):
    with pytest.raises(ValueError, match=f"fold {fold} of {folds}"):
        held_out(open_data("digits"), seed=0, folds=folds, fold=fold)
