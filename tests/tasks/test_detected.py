from __future__ import annotations

import numpy as np
import pytest

from hubel.data.objects import Mask, Objects, encode, open_objects
from hubel.runtime.decode.found import Found
from hubel.tasks.detected import Detected

CLASSES = ("disc", "ring", "square", "star", "triangle")


@pytest.fixture(scope="module")
def scenes():
    return open_objects("shapes").parts["val"][:12]


def answered(scenes, masks=False, seed=0):
    """Answers near the truth, some of them missing, some of another class."""
    draws = np.random.default_rng(seed)
    found = []
    for scene in scenes:
        truth = scene.objects
        kept = draws.random(len(truth)) < 0.8
        boxes = truth.boxes[kept] + draws.normal(0, 1.5, (kept.sum(), 4))
        labels = np.where(draws.random(kept.sum()) < 0.9, truth.labels[kept], 0)
        shapes = [m.array() for m, k in zip(truth.masks, kept) if k]
        stack = np.array(shapes).reshape(-1, *scene.size) if masks else None
        found.append(Found(boxes, draws.random(kept.sum()), labels, stack))
    names = tuple(scene.name for scene in scenes)
    return Detected(names, 5, tuple(found), tuple(scene.objects for scene in scenes))


@pytest.mark.parametrize("masks", [False, True])
def test_what_is_saved_is_read_again(scenes, tmp_path, masks):
    made = answered(scenes, masks)
    again = Detected.load(made.save(tmp_path / "outcome.npz"))
    assert again.names == made.names
    assert again.classes == 5
    for before, after in zip(made.found, again.found):
        for field in ("boxes", "scores", "labels"):
            assert np.array_equal(getattr(before, field), getattr(after, field))
        assert (before.masks is None) == (after.masks is None)
        assert before.masks is None or np.array_equal(before.masks, after.masks)
    for before, after in zip(made.truths, again.truths):
        for field in ("boxes", "labels", "crowd", "difficult"):
            assert np.array_equal(getattr(before, field), getattr(after, field))
        assert [np.array_equal(a.array(), b.array()) for a, b in zip(before.masks, after.masks)]
    assert np.array_equal(again.precision.table, made.precision.table, equal_nan=True)
    assert again.score == made.score
    assert again.tables(CLASSES) == made.tables(CLASSES)


def test_outlines_and_missing_masks_are_kept(tmp_path):
    square = np.zeros((20, 30), bool)
    square[2:9, 4:14] = True
    outline = (np.array([[4, 2], [14, 2], [14, 9], [4, 9]], float),)
    masks = (Mask((20, 30), outline=outline), None, Mask((20, 30), encode(square)))
    boxes = np.array([[4, 2, 14, 9], [0, 0, 5, 5], [4, 2, 14, 9]], float)
    no = np.zeros(3, bool)
    truth = Objects(boxes, np.array([0, 1, 1]), masks, no, no)
    none = Found(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    again = Detected.load(Detected(("a",), 2, (none,), (truth,)).save(tmp_path / "o.npz"))
    first, second, third = again.truths[0].masks
    assert second is None
    assert np.array_equal(first.array(), square)
    assert np.array_equal(third.array(), square)


def test_the_worst_pictures_come_first(scenes):
    made = answered(scenes)
    faults = made.mistakes.missed(made.threshold, 12) + made.mistakes.wrong(made.threshold, 12)
    assert (np.diff(faults[made.worst]) <= 0).all()
    i = int(made.worst[0])
    there = len(made.truths[i])
    missed, wrong = made.mistakes.missed(made.threshold, 12)[i], faults[i]
    assert made.note(i) == f"{there - missed} of {there} found, {wrong - missed} wrong"


def test_tables_and_plots_agree_with_the_scores(scenes):
    made = answered(scenes)
    classes, kinds, sizes = (rows for _, _, rows in made.tables(CLASSES))
    assert [row[0] for row in classes] == list(CLASSES)
    assert np.nanmean([row[4] for row in classes]) == pytest.approx(made.precision.at_half)
    right = sum(row[1] for row in kinds)
    assert sum(row[1] for row in classes) == sum(map(len, made.truths)) == sum(r[1] for r in sizes)
    recall = sum(row[1] * row[3] for row in classes)
    assert right == pytest.approx(recall)
    (_, by_score, _), (_, by_recall, _) = made.plots(CLASSES)
    best = max(by_score["F1"], key=lambda point: point[1])
    assert made.threshold <= best[0]
    assert by_recall["all"][-1][0] == by_score["recall"][-1][1]
    assert 0 < made.held <= best[1] + 0.05


def test_a_file_that_is_no_outcome(tmp_path):
    np.savez(tmp_path / "x.npz", names=np.array(["a"]))
    with pytest.raises(ValueError, match=r"x.npz is not an outcome that Hubel wrote"):
        Detected.load(tmp_path / "x.npz")
    with pytest.raises(ValueError, match="does not exist"):
        Detected.load(tmp_path / "y.npz")
    with pytest.raises(ValueError, match="give one of each per picture"):
        Detected(("a",), 2, (), ())
