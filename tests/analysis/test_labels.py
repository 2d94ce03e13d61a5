"""Suspected labels: planted ones are found, out of fold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from hubel.analysis.labels import suspects


def test_planted_labels_are_found_out_of_fold():
    """3 % of the labels of real digits are flipped; a small model, 5 folds."""
    pictures, truths = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    planted = rng.choice(len(truths), round(0.03 * len(truths)), replace=False)
    given = truths.copy()
    given[planted] = (given[planted] + rng.integers(1, 10, len(planted))) % 10
    model = LogisticRegression(max_iter=1000)
    p = cross_val_predict(model, pictures / 16, given, cv=5, method="predict_proba")
    found = suspects(p, given)
    first = found.places[: len(planted)]
    assert np.isin(first, planted).mean() >= 0.75
    assert np.isin(found.places[:30], planted).mean() >= 0.95
    right = found.suggested[:30] == truths[first[:30]]
    assert right.mean() >= 0.9


def test_by_hand():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    given = np.array([0, 0, 0, 1, 1])
    found = suspects(p, given)
    # Class 0 usually gets (0.9 + 0.8 + 0.1) / 3 = 0.6, class 1 gets 0.75; the third counts as 1.
    assert found.places.tolist() == [2]
    assert found.suggested.tolist() == [1]
    assert found.margins[0] == pytest.approx(0.8)
    assert found.pictures == 5


def test_unsure_answers_doubt_nothing():
    p = np.full((6, 3), 1 / 3) + np.eye(3)[[0, 1, 2, 0, 1, 2]] * 0.01
    p /= p.sum(axis=1, keepdims=True)
    assert len(suspects(p, np.array([0, 1, 2, 0, 1, 2])).places) == 0


def test_a_class_without_pictures_is_never_suggested():
    p = np.array([[0.1, 0.2, 0.7], [0.2, 0.1, 0.7]])
    assert suspects(p, np.array([0, 1])).suggested.tolist() == [1, 0]


def test_every_picture_has_a_label():
    with pytest.raises(ValueError, match="2 labels for 3 pictures"):
        suspects(np.full((3, 2), 0.5), np.array([0, 1]))
