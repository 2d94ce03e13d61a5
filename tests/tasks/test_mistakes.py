from __future__ import annotations

import numpy as np
import pytest

from hubel.data.objects import Objects
from hubel.runtime.decode.found import Found
from hubel.tasks.mistakes import KINDS, mistakes


def objects(boxes, labels, crowd=None, difficult=None):
    n = len(labels)
    marks = [np.zeros(n, bool) if m is None else np.array(m, bool) for m in (crowd, difficult)]
    boxes = np.array(boxes, float).reshape(-1, 4)
    return Objects(boxes, np.array(labels, np.int64), (None,) * n, *marks)


def found(boxes, labels, scores):
    boxes = np.array(boxes, float).reshape(-1, 4)
    return Found(boxes, np.array(scores, float), np.array(labels, np.int64))


TRUTH = objects([[0, 0, 10, 10], [50, 50, 90, 90]], [0, 1])


@pytest.mark.parametrize(
    ("box", "label", "kind"),
    [
        ([1, 0, 10, 10], 0, "right"),
        ([1, 0, 10, 10], 1, "class"),
        ([4, 0, 18, 10], 0, "place"),
        ([20, 20, 30, 30], 0, "background"),
        ([4, 0, 18, 10], 1, "background"),
    ],
)
def test_the_kind_of_an_answer(box, label, kind):
    made = mistakes([found([box], [label], [0.7])], [TRUTH])
    assert [KINDS[k] for k in made.kinds] == [kind]
    assert made.surest.tolist() == [0.7 if kind == "right" else -1, -1]


def test_the_surer_of_two_is_right_and_the_other_a_duplicate():
    answers = found([[0, 0, 9, 10], [0, 0, 10, 10]], [0, 0], [0.9, 0.6])
    made = mistakes([answers], [TRUTH])
    assert [KINDS[k] for k in made.kinds] == ["right", "duplicate"]
    assert made.surest.tolist() == [0.9, -1]
    assert made.missed(0.5, 1).tolist() == [1]
    assert made.wrong(0.5, 1).tolist() == [1]
    assert made.wrong(0.7, 1).tolist() == [0]
    assert made.missed(0.95, 1).tolist() == [2]


def test_crowds_and_difficult_objects_are_neither():
    truth = objects([[0, 0, 40, 40], [50, 50, 60, 60]], [0, 0], [True, False], [False, True])
    answers = found([[0, 0, 9, 9], [10, 10, 19, 19], [50, 50, 60, 60]], [0, 0, 0], [0.9, 0.8, 0.7])
    made = mistakes([answers], [truth])
    assert len(made.kinds) == len(made.surest) == 0


def test_thresholds_count_as_their_definitions_say():
    draws = np.random.default_rng(0)
    scenes = []
    for _ in range(20):
        n = int(draws.integers(0, 6))
        corner = draws.uniform(0, 80, (n, 2))
        boxes = np.concatenate([corner, corner + draws.uniform(10, 30, (n, 2))], 1)
        labels = draws.integers(0, 3, n)
        near = np.concatenate([boxes + draws.normal(0, 3, (n, 4)), boxes + 4])
        told = np.concatenate([labels, draws.integers(0, 3, n)])
        scores = np.concatenate([draws.random(n), draws.random(n) / 2]).round(1)
        scenes.append((found(near, told, scores), objects(boxes, labels)))
    answers, truths = zip(*scenes)
    made, there = mistakes(answers, truths), sum(map(len, truths))
    curve = made.curve()
    assert (np.diff(curve.scores) < 0).all()
    for n, at in enumerate(curve.scores):
        # Those below a threshold change nothing about those above it.
        some = mistakes([f.take(f.scores >= at) for f in answers], truths)
        right, said = int((some.kinds == 0).sum()), len(some.kinds)
        assert curve.precision[n] == right / said
        assert curve.recall[n] == right / there
        assert curve.f1[n] == pytest.approx(2 * right / (said + there))
        assert np.array_equal(made.count(at, 3), some.count(0, 3))
        assert np.array_equal(made.missed(at, 20), some.missed(0, 20))
    best = curve.f1.argmax()
    assert curve.scores[best] > curve.best() >= curve.scores[best + 1] - 1e-9


def test_no_answer_at_all():
    made = mistakes([found([], [], [])], [TRUTH])
    assert made.curve().best() == 0.5
    assert made.missed(0.5, 1).tolist() == [2]
