"""Scores of cells become classes of pixels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hubel.pictures import Preprocess
from hubel.runtime.decode import segment
from hubel.runtime.decode.drawing import colour, middle
from hubel.runtime.decode.segment import ClassMap, decode, probabilities

SQUASH = Preprocess((40, 64), fit="squash")


def scores(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("size", [(40, 64), (101, 77), (17, 200), (5, 3)])
@pytest.mark.parametrize("cells", [(10, 16), (40, 64), (1, 1)])
def test_it_is_the_bilinear_resize(cells, size):
    given = scores(4, *cells)
    whole = F.interpolate(torch.from_numpy(given)[None].double(), size, mode="bilinear")[0]
    expected = whole.softmax(0).numpy()
    found = decode([given], SQUASH, size, 4).numbers
    assert found.shape == size
    assert found.dtype == np.uint8
    mine = probabilities([given], SQUASH, size)
    assert np.abs(mine - expected).max() < 1e-6
    assert (np.take_along_axis(expected, found[None].astype(int), 0) > expected.max(0) - 1e-6).all()


def test_strips_change_nothing(monkeypatch):
    given = scores(5, 10, 16)
    whole = decode([given], SQUASH, (90, 70), 5).numbers
    monkeypatch.setattr(segment, "STRIP", 5 * 70 * 7)
    assert (decode([given], SQUASH, (90, 70), 5).numbers == whole).all()


@pytest.mark.parametrize("size", [(30, 60), (60, 30), (300, 55)])
def test_no_border_mixes_in(size):
    pad = Preprocess((48, 48), fit="pad", pad=4)
    place = pad.placement(size)
    given = np.zeros((3, 56, 56), np.float32)
    given[2] = 100  # the border's class, as sure as can be
    inside = given[:, place.top : place.top + place.height, place.left : place.left + place.width]
    inside[2] = 0
    inside[1, : place.height // 2] = inside[0, place.height // 2 :] = 1
    found = decode([given], pad, size, 3).numbers
    assert set(np.unique(found)) == {0, 1}
    half = size[0] / 2
    assert (found[: int(half) - size[0] // place.height - 1] == 1).all()
    assert (found[int(half) + size[0] // place.height + 1 :] == 0).all()


def test_what_the_crop_leaves_out_has_the_nearest_class():
    crop = Preprocess((32, 32), fit="crop")
    given = np.zeros((2, 32, 32), np.float32)
    given[1, :, 16:] = 1
    found = decode([given], crop, (32, 64), 2).numbers
    assert (found[:, :32] == 0).all()
    assert (found[:, 33:] == 1).all()


def test_memory_does_not_grow_with_the_classes():
    given = scores(40, 90, 120)
    tracemalloc.start()
    decode([given], SQUASH, (1200, 1600), 40)  # 307 MB of scores
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6


def test_the_drawing_names_what_is_large_enough():
    numbers = np.full((400, 500), 255, np.uint8)
    numbers[100:300, 50:250] = 1
    numbers[7, 401] = 0  # a pixel that has no room for a name
    picture = np.full((400, 500, 3), 200, np.uint8)
    found = ClassMap(numbers)
    drawn = found.drawn(picture, ("pole", "road"))
    assert drawn.shape == picture.shape
    assert (drawn[numbers == 255] == 200).all()
    assert (drawn[110, 60] == 100 + np.array(colour(1)) // 2).all()
    assert (drawn[195:205, 130:170] == 0).all(axis=2).any(), "the name stands in the middle"
    assert found.told(("pole", "road")) == "road 20%, pole 0%"
    assert middle(numbers == 1)[2] > 50
    assert ClassMap(np.full((9, 9), 255, np.uint8)).told(("pole", "road")) == "nothing known"


def test_what_is_refused():
    with pytest.raises(ValueError, match="255 at most"):
        decode([scores(256, 2, 2)], SQUASH, (4, 4), 256)
    broken = scores(3, 2, 2)
    broken[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="weights are broken"):
        decode([broken], SQUASH, (4, 4), 3)
