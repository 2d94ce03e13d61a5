from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubel.runtime.decode.boxes import areas, iou, suppress


def slow_iou(a, b):
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    tall = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * tall
    return wide * tall / union if union > 0 else 0.0


def textbook(boxes, scores, labels, limit, least, most):
    """The algorithm as it is written down, one box at a time."""
    left = [i for i in np.argsort(-scores, kind="stable").tolist() if scores[i] >= least]
    kept = []
    while left and len(kept) < most:
        best = left.pop(0)
        kept.append(best)
        left = [
            i for i in left if labels[i] != labels[best] or slow_iou(boxes[i], boxes[best]) <= limit
        ]
    return kept


def some(seed, n):
    draws = np.random.default_rng(seed)
    corner = draws.uniform(-20, 80, (n, 2))
    boxes = np.concatenate([corner, corner + draws.uniform(0, 50, (n, 2))], axis=1)
    return boxes, draws.random(n).round(2), draws.integers(0, 3, n)


@given(st.integers(0, 10**6), st.integers(0, 60), st.sampled_from([0.3, 0.6, 0.9]))
@settings(max_examples=60, deadline=None)
def test_suppression_is_the_textbook_s(seed, n, limit):
    boxes, scores, labels = some(seed, n)
    kept = suppress(boxes, scores, labels, limit=limit, least=0.2, most=25)
    assert kept.tolist() == textbook(boxes, scores, labels, limit, 0.2, 25)


def test_overlap_of_known_boxes():
    a = np.array([[0, 0, 10, 10], [0, 0, 0, 0]], float)
    b = np.array([[5, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30], [3, 3, 3, 3]], float)
    assert iou(a, b)[0] == pytest.approx([1 / 3, 1, 0, 0])
    assert iou(a, b)[1].tolist() == [0, 0, 0, 0]
    assert areas(np.array([[5, 5, 1, 9.0]])).tolist() == [0]


def test_ten_thousand_boxes_keep_their_classes_apart():
    draws = np.random.default_rng(0)
    corner = draws.uniform(0, 600, (10_000, 2))
    boxes = np.concatenate([corner, corner + draws.uniform(5, 60, (10_000, 2))], axis=1)
    scores, labels = draws.random(10_000), draws.integers(0, 80, 10_000)
    kept = suppress(boxes, scores, labels, limit=0.6, most=10_000)
    alone = [
        np.flatnonzero(labels == k)[suppress(boxes[labels == k], scores[labels == k], most=10_000)]
        for k in range(80)
    ]
    assert sorted(kept.tolist()) == sorted(np.concatenate(alone).tolist())
    assert (np.diff(scores[kept]) <= 0).all()
