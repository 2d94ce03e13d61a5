"""Scores of several classes a picture, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from hubel.tasks.tagged import Tagged


def outcome(n=60, k=5, seed=0) -> Tagged:
    draw = np.random.default_rng(seed)
    p = draw.integers(0, 12, (n, k)) / 11  # with ties
    truths = draw.random((n, k)) < p * 0.7
    truths[:, 4] = False  # a class that no picture shows
    return Tagged(tuple(map(str, range(n))), truths, p, np.zeros(n))


@pytest.mark.parametrize("seed", range(4))
def test_as_scikit_learn_counts(seed):
    made = outcome(seed=seed)
    known = slice(0, 4)
    precisions = average_precision_score(
        made.truths[:, known], made.probabilities[:, known], average=None
    )
    assert made.average_precision[known] == pytest.approx(precisions)
    assert np.isnan(made.average_precision[4])
    assert made.mean_average_precision == pytest.approx(precisions.mean())
    assert made.f1 == pytest.approx(f1_score(made.truths, made.answers, average="micro"))
    wanted = f1_score(made.truths[:, known], made.answers[:, known], average="macro")
    assert made.f1_macro == pytest.approx(wanted)


def test_there_and_back(tmp_path):
    made = outcome()
    back = Tagged.load(made.save(tmp_path / "outcome.npz"))
    assert back.names == made.names
    assert (back.truths == made.truths).all()
    assert (back.probabilities == made.probabilities).all()


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="give \\(pictures, classes\\) of both"):
        Tagged(("a",), np.zeros((1, 2)), np.zeros((1, 3)), np.zeros(1))
    with pytest.raises(ValueError, match="sigmoid"):
        Tagged(("a",), np.zeros((1, 2)), np.full((1, 2), np.nan), np.zeros(1))
