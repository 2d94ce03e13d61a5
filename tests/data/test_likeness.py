"""Near pictures are found without comparing all, and alike ones are not mistaken for copies."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hubel.data import likeness, open_data
from hubel.data.likeness import near_pairs, stars
from hubel.data.survey import survey


def smooth(count: int, seed: int = 0) -> np.ndarray:
    """Thumbnails with structure, uint8 (count, 32, 32)."""
    rough = np.random.default_rng(seed).integers(0, 256, (count, 7, 7), np.uint8)
    return np.stack([np.asarray(Image.fromarray(p).resize((32, 32))) for p in rough])


def found(thumbs: np.ndarray, ratios: np.ndarray | None = None) -> set[tuple[int, int]]:
    ratios = np.ones(len(thumbs)) if ratios is None else ratios
    return set(map(tuple, near_pairs(thumbs, ratios).tolist()))


def test_copies_are_found_among_many_and_nothing_else():
    thumbs = smooth(5000)
    noise = np.random.default_rng(1).normal(0, 1, (200, 32, 32))
    copies = (thumbs[:200] * 0.8 + 10 + noise).clip(0, 255).astype(np.uint8)
    pairs = found(np.concatenate([thumbs, copies]))
    planted = {(i, 5000 + i) for i in range(200)}
    assert len(planted & pairs) >= 198
    assert pairs <= planted


def test_bins_are_small_and_hold_everything():
    places = likeness._principal(likeness._coarse(smooth(5000)))
    bins = list(likeness._bins(places))
    assert max(map(len, bins)) <= likeness.BIN
    assert np.array_equal(np.unique(np.concatenate(bins)), np.arange(5000))
    assert sum(map(len, bins)) < 4 * 5000


def test_a_crowd_in_one_place_ends():
    base = smooth(1)[0].astype(int)
    noise = np.random.default_rng(0).integers(-2, 3, (2000, 32, 32))
    crowd = (base + noise).clip(0, 255).astype(np.uint8)
    pairs = near_pairs(crowd, np.ones(2000))
    assert 0 < len(pairs) <= 4 * likeness.MOST * 2000
    assert len(np.unique(pairs)) > 1900
    early = pairs < 1000  # the first and the second thousand, as of two classes, meet
    assert (early[:, 0] & ~early[:, 1]).sum() > 1000


def test_handwriting_that_is_all_alike_is_not_taken_for_copies(data):
    """Of 5,000 real digits none is a copy; copies of some, stored anew and made darker, are."""
    if not (data / "mnist").is_dir():
        pytest.skip("no mnist in HUBEL_DATA")
    source = open_data(data / "mnist", val=1).val.take(np.arange(5000))
    looks, _ = survey("val", source)
    thumbs = np.stack([look.thumb for look in looks])
    assert len(found(thumbs)) <= 5
    copies = np.round(thumbs[:50] * 0.8 + 5).astype(np.uint8)
    planted = {(i, 5000 + i) for i in range(50)}
    assert len(planted & found(np.concatenate([thumbs, copies]))) >= 48


def test_another_shape_is_another_picture():
    thumbs = np.repeat(smooth(1), 2, axis=0)
    assert found(thumbs, np.array([1.5, 1.5])) == {(0, 1)}
    assert found(thumbs, np.array([1.5, 1.0])) == set()


def test_a_common_sky_is_no_likeness():
    sky = np.tile(np.linspace(250, 60, 32)[:, None], (1, 32))
    birds = np.stack([sky, sky])
    birds[0, 20:23, 5:9] = 30
    birds[1, 12:15, 20:24] = 30
    thumbs = birds.astype(np.uint8)
    a, b = likeness._coarse(thumbs)
    assert a @ b > likeness.ALIKE
    assert found(thumbs) == set()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_flat_and_few(count):
    assert found(np.full((count, 32, 32), 7, np.uint8)) == set()


def test_stars_take_nobody_by_way_of_a_third():
    assert stars(np.array([[0, 1], [1, 2], [3, 4], [0, 5]])) == [[0, 1, 5], [3, 4]]
    assert stars(np.empty((0, 2), int)) == []
