from __future__ import annotations

import time

import numpy as np
import pytest

from hubel.pictures import Preprocess
from hubel.runtime.decode.found import Found
from hubel.runtime.decode.instances import FINEST, between, decode, layers, shapes
from hubel.runtime.decode.masks import box_of, encode, packed, run_lengths, unpacked


def diamond(size=0.75, prototype=0.0):
    """A network that says size - |u| - |v| + prototype p_0."""
    first, last = np.zeros((3, 8)), np.zeros((8, 1))
    first[0, :2], first[1, 2:4], first[2, 4:6] = (1, -1), (1, -1), (prototype, -prototype)
    last[:6, 0] = -1, -1, -1, -1, 1, -1
    parts = [first, np.zeros(8), np.eye(8), np.zeros(8), last, [size]]
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)


def outputs(boxes, networks, prototypes=None, stride=4, offset=0.5, side=64):
    """Sure cells of one class."""
    n, cells = len(boxes), side // stride
    stand = offset + stride * np.arange(cells, dtype=np.float32)
    planes = np.zeros((cells, cells), np.float32) if prototypes is None else prototypes
    places = np.broadcast_to(stand, (cells, cells))
    return [
        np.array(boxes, np.float32),
        np.linspace(9, 8, n, dtype=np.float32),
        np.full((n, 1), 9, np.float32),
        np.array(networks, np.float32),
        np.stack([places, places.T, planes]),
    ]


def test_the_coefficients_are_three_layers():
    assert sum(np.prod(shape) for shape in shapes(8)) == 169
    made = layers(np.arange(2 * 113.0).reshape(2, 113), 1)
    assert [(w.shape, b.shape) for w, b in made] == [
        ((2, 3, 8), (2, 1, 8)),
        ((2, 8, 8), (2, 1, 8)),
        ((2, 8, 1), (2, 1, 1)),
    ]
    assert made[0][0][0, 1, 0] == 8
    assert made[2][1].ravel().tolist() == [112, 225]


def test_masks_lie_in_the_picture_and_not_in_its_fitted_form():
    preprocess = Preprocess((64, 64), fit="pad")  # 100 x 200 becomes 32 x 64, 16 below
    found = decode(outputs([(16, 20, 48, 44)], [diamond()]), preprocess, (100, 200), 1)
    assert found.masks.shape == (1, 100, 200)
    scale = 200 / 64
    y, x = np.mgrid[:100, :200] + 0.5
    u, v = np.abs(x / scale - 32) / 16, np.abs(y / scale + 16 - 32) / 12
    clear = np.abs(0.75 - u - v) > 0.04  # between the points it is interpolated
    assert (found.masks[0] == (u + v < 0.75))[clear].all()
    assert clear.mean() > 0.9


@pytest.mark.parametrize("box", [(8, 9, 30, 41), (-9, -5, 12, 9), (50, 40, 90, 66), (5, 5, 6, 6)])
def test_every_pixel_of_a_small_box_is_asked(box):
    size = 0.9
    found = decode(outputs([box], [diamond(size)]), Preprocess((64, 64)), (64, 64), 1)
    x1, y1, x2, y2 = box
    y, x = np.mgrid[:64, :64] + 0.5
    u, v = np.abs(x - (x1 + x2) / 2) * 2 / (x2 - x1), np.abs(y - (y1 + y2) / 2) * 2 / (y2 - y1)
    assert (found.masks[0] == (u + v < size)).all()
    assert found.masks.any()


def test_prototypes_are_read_where_their_cells_stand():
    planes = np.zeros((16, 16), np.float32)
    planes[:, 8:] = 1  # from x = 32.5 on, and half of it from 30.5 on
    given = outputs([(16, 16, 48, 48)], [diamond(-0.5, 1.0)], planes)
    found = decode(given, Preprocess((64, 64)), (64, 64), 1)
    alone = decode(outputs([(16, 16, 48, 48)], [diamond(-0.5)]), Preprocess((64, 64)), (64, 64), 1)
    assert not alone.masks.any()
    assert found.masks[0, 32, 33:39].all()  # 0.5 - |u| > 0
    assert not found.masks[0, 32, :31].any()


def test_between_is_bilinear():
    values = np.array([[0, 1.0], [2, 3]])
    assert between(values, np.array([0, 0.5, 9]), np.array([0.25, -1])).tolist() == [
        [0.25, 0],
        [1.25, 1],
        [2.25, 2],
    ]


def test_three_hundred_objects_of_a_large_picture_are_quick():
    draws = np.random.default_rng(0)
    middles = draws.uniform(40, 460, (300, 2))
    halves = draws.uniform(5, 40, (300, 2))
    boxes = np.concatenate([middles - halves, middles + halves], 1)
    given = outputs(boxes, [diamond()] * 300, side=512)
    start = time.process_time()
    found = decode(given, Preprocess((512, 512)), (1000, 1000), 1, limit=1.0)
    assert time.process_time() - start < 3
    assert found.masks.shape == (300, 1000, 1000)
    assert found.masks.any(axis=(1, 2)).all()
    assert FINEST < 80


def test_nothing_found():
    found = decode(outputs([(0, 0, 9, 9)], [diamond()]), Preprocess((64, 64)), (30, 40), 1, least=1)
    assert found.masks.shape == (0, 30, 40)
    assert found.to_dict(("cell",)) == {"objects": []}
    assert found.drawn(np.zeros((400, 400, 3), np.uint8), ("cell",)).any() == 0


def test_masks_as_run_lengths():
    draws = np.random.default_rng(1)
    masks = draws.random((3, 37, 53)) < np.array([0.02, 0.5, 0.99])[:, None, None]
    found = Found(np.zeros((3, 4)), np.ones(3), np.zeros(3, int), masks)
    for told, mask in zip(found.to_dict(("cell",))["objects"], masks):
        assert (
            told["mask"]
            == run_lengths(mask)
            == {"size": [37, 53], "counts": told["mask"]["counts"]}
        )
        counts = unpacked(told["mask"]["counts"])
        assert counts == encode(mask)
        assert packed(counts) == told["mask"]["counts"]
        on = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        assert (mask == on.reshape(53, 37).T).all()


def test_masks_are_drawn_each_in_its_own_colour():
    masks = np.zeros((2, 200, 300), bool)
    masks[0, 20:180, 20:140], masks[1, 20:180, 100:280] = True, True
    boxes = np.array([box_of(mask) for mask in masks])
    picture = np.zeros((200, 300, 3), np.uint8)
    drawn = Found(boxes, np.array([0.9, 1.0]), np.array([0, 0]), masks).drawn(picture, ("cell",))
    assert drawn.shape == (400, 600, 3)
    a, b, both = drawn[60, 60], drawn[60, 500], drawn[60, 240]
    assert (a != b).any()
    assert (both != b).any()
    assert (drawn[60, 40] == 2 * a + 1).any()  # the edge has the colour in full
    assert not drawn[10].any()
    assert not picture.any()
