"""Pictures cut around one object each."""

from __future__ import annotations

import numpy as np
import pytest

from hubel.data.objects import open_objects
from hubel.data.objects.around import MARGIN, around
from hubel.data.objects.shapes import read_shapes


def test_every_cut_shows_its_object(data):
    scenes = open_objects(data / "bccd")
    scenes.parts = {part: inside[:15] for part, inside in scenes.parts.items()}
    cells = around(scenes, "WBC", times=2)
    assert cells.classes == ("WBC",)
    for part, inside in cells.parts.items():
        assert 20 < len(inside) <= 2 * sum(len(s.objects) for s in scenes.parts[part])
        assert len({scene.name for scene in inside}) == len(inside)
        for scene in inside:
            (x1, y1, x2, y2), (height, width) = scene.objects.boxes[0], scene.size
            assert scene.picture.shape == (height, width, 3)
            assert 0 <= x1 < x2 <= width
            assert 0 <= y1 < y2 <= height
            most = MARGIN[1] * max(x2 - x1, y2 - y1) + 1
            assert max(x1, y1, width - x2, height - y2) <= most
    again = around(scenes, "WBC", times=2)
    assert [s.size for s in again.parts["train"]] == [s.size for s in cells.parts["train"]]


def test_the_pixels_are_those_of_the_picture():
    scenes = read_shapes(30, 0)
    stars = around(scenes, "star").parts["train"]
    pictures = {scene.name: scene for scene in scenes.parts["train"]}
    for star in stars:
        name, number, _ = star.name.rsplit("-", 2)
        whole = pictures[f"{name}.png"]
        x1, y1 = (whole.objects.boxes[int(number)] - star.objects.boxes[0])[:2].astype(int)
        height, width = star.size
        assert np.array_equal(star.picture, whole.picture[y1 : y1 + height, x1 : x1 + width])
    assert 0 < len(stars) < 30


def test_what_is_refused():
    with pytest.raises(ValueError, match="unknown class 'cell'"):
        around(read_shapes(1, 0), "cell")
