"""Counts of pixels and boundaries against plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hubel.tasks.segmented import NEAR, Segmented, count, dilated, edges

IGNORED = 255


def blotches(seed: int, classes: int, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    """A map of regions with an ignored rim."""
    draws = np.random.default_rng(seed)
    coarse = draws.integers(0, classes, (5, 7), dtype=np.uint8)
    y, x = (np.arange(n) * c // n for n, c in zip(size, coarse.shape))
    out = coarse[y][:, x]
    out[:2] = IGNORED
    return out


def outcome(classes: int = 5) -> Segmented:
    truths = [blotches(i, classes) for i in range(3)]
    founds = [np.where(t == IGNORED, 0, np.roll(t, i, 1)) for i, t in enumerate(truths)]
    return Segmented.of("abc", [count(f, t, classes) for f, t in zip(founds, truths)])


def test_confusion_is_that_of_the_definition():
    truth, found = blotches(0, 4), np.random.default_rng(1).integers(0, 4, (60, 80), np.uint8)
    counts = count(found, truth, 4).confusion
    for i in range(4):
        for j in range(4):
            assert counts[i, j] == ((truth == i) & (found == j)).sum()
    assert counts.sum() == 58 * 80


@pytest.mark.parametrize("classes", [4, 70])
def test_boundaries_are_those_of_the_definition(classes):
    from scipy.ndimage import distance_transform_edt

    truth, found = blotches(3, classes), np.roll(blotches(3, classes), 3, 0)
    found[found == IGNORED] = 1
    known = truth != IGNORED

    def edge(which: np.ndarray, k: int) -> np.ndarray:
        out = np.zeros(which.shape, bool)
        height, width = which.shape
        for y in range(height):
            for x in range(width):
                for v, u in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                    if 0 <= v < height and 0 <= u < width and known[y, x] and known[v, u]:
                        out[y, x] |= which[y, x] == k != which[v, u]
        return out

    near = round(NEAR * math.hypot(60, 80))
    counts = count(found, truth, classes).boundary
    for k in [0, 1, 2, *{*np.unique(truth).tolist()} - {IGNORED}][:6]:
        mine, there = edge(found, k), edge(truth, k)
        to_there, to_mine = (
            distance_transform_edt(~e) if e.any() else np.full(e.shape, np.inf)
            for e in (there, mine)
        )
        expected = [mine.sum(), (mine & (to_there <= near)).sum()]
        expected += [there.sum(), (there & (to_mine <= near)).sum()]
        assert counts[k].tolist() == expected


@pytest.mark.parametrize("near", [0, 1, 2, 5, 9, 30])
def test_dilation_is_a_disc(near):
    bits = np.zeros((25, 31), np.uint64)
    bits[12, 15] = 1
    bits[3, 4] = 2
    out = dilated(bits, near)
    y, x = np.mgrid[:25, :31]
    for bit, (v, u) in ((1, (12, 15)), (2, (3, 4))):
        disc = (y - v) ** 2 + (x - u) ** 2 <= near**2
        assert ((out & np.uint64(bit) > 0) == disc).all()


def test_ignored_pixels_make_no_boundary():
    flat = np.zeros((6, 6), np.uint8)
    known = np.ones((6, 6), bool)
    known[3] = False
    assert not edges(flat, known).any()
    flat[3] = 7  # a line of which nobody knows
    assert not edges(flat, known).any()


def test_a_perfect_answer_scores_one():
    truth = blotches(5, 4)
    perfect = Segmented.of(["a"], [count(np.where(truth == IGNORED, 3, truth), truth, 4)])
    assert perfect.miou == perfect.accuracy == perfect.boundary_f1 == 1


def test_scores_by_hand():
    truth = np.array([[0, 0, 1, 255]], np.uint8)
    found = np.array([[0, 1, 1, 2]], np.uint8)
    two = Segmented.of(["a"], [count(found, truth, 4)])
    assert two.accuracy == pytest.approx(2 / 3)
    assert two.per_class[:2].tolist() == [0.5, 0.5]
    assert np.isnan(two.per_class[2:]).all(), "classes that are nowhere count for nothing"
    assert two.miou == 0.5


def test_pictures_without_any_truth_count_for_nothing():
    nothing = np.full((4, 4), 255, np.uint8)
    some = np.zeros((4, 4), np.uint8)
    both = Segmented.of(["no", "yes"], [count(some, nothing, 2), count(some, some, 2)])
    assert both.miou == both.accuracy == 1
    assert np.isnan(both.per_picture[0])
    assert both.worst.tolist() == [1, 0]


def test_save_and_load(tmp_path):
    before = outcome()
    after = Segmented.load(before.save(tmp_path / "outcome.npz"))
    assert after.names == ("a", "b", "c")
    assert (after.miou, after.accuracy, after.boundary_f1) == (
        before.miou, before.accuracy, before.boundary_f1,
    )  # fmt: skip
    assert after.worst.tolist() == [2, 1, 0]
    assert after.told("vwxyz") == before.told("vwxyz")
    assert f"{before.miou:.2%}" in before.score


def test_what_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        Segmented.load(tmp_path / "none.npz")
    (tmp_path / "text").write_text("no outcome")
    with pytest.raises(ValueError, match="not an outcome"):
        Segmented.load(tmp_path / "text")
    with pytest.raises(ValueError, match="one size"):
        count(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 2)
    with pytest.raises(ValueError, match="class number 7 among 2"):
        count(np.zeros((2, 2), np.uint8), np.full((2, 2), 7, np.uint8), 2)
    with pytest.raises(ValueError, match="0 pictures"):
        Segmented((), np.zeros((0, 2, 2), int), np.zeros((0, 2, 4), int))
