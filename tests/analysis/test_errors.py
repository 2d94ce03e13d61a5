"""The figures of mistakes against hand-computed ones and scikit-learn's."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from hubel.analysis.errors import (
    calibrate,
    confused_pairs,
    confusion,
    per_class,
    wilson,
    worst,
    write_errors,
)
from hubel.tasks.outcome import Outcome


@pytest.fixture(scope="module")
def digits() -> Outcome:
    """Real answers for real digits: a logistic regression on few of them, so that it errs."""
    pictures, truths = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=2000).fit(pictures[:300] / 16, truths[:300])
    probabilities = model.predict_proba(pictures[300:] / 16)
    own = np.take_along_axis(probabilities, truths[300:, None], 1)[:, 0]
    names = tuple(f"digit-{i}.png" for i in range(300, len(truths)))
    return Outcome(names, truths[300:], probabilities, -np.log(own))


@pytest.fixture
def small() -> Outcome:
    """Six pictures of four classes: the third is never the answer, the fourth never a truth."""
    probabilities = [
        [0.9, 0.1, 0, 0],
        [0.2, 0.6, 0.2, 0],
        [0.6, 0.4, 0, 0],
        [0.3, 0.7, 0, 0],
        [0.7, 0.1, 0.2, 0],
        [0.0, 0.0, 0.4, 0.6],
    ]
    losses = [0.1, 0.2, 0.9, 1.2, 1.6, 0.9]
    return Outcome(tuple("abcdef"), [0, 1, 1, 0, 2, 2], probabilities, losses)


def test_confusion_by_hand(small):
    assert confusion(small).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]]


def test_confusion_as_scikit_learn_has_it(digits):
    assert (confusion(digits) == confusion_matrix(digits.truths, digits.predictions)).all()


def test_per_class_by_hand(small):
    scores = per_class(confusion(small))
    assert [(s.pictures, s.answers, s.right) for s in scores] == [
        (2, 3, 1),
        (2, 2, 1),
        (2, 0, 0),
        (0, 1, 0),
    ]
    assert scores[0].recall == 0.5
    assert scores[0].precision == pytest.approx(1 / 3)
    assert scores[0].f1 == pytest.approx(0.4)
    assert math.isnan(scores[2].precision)
    assert scores[2].f1 == 0
    assert math.isnan(scores[3].recall)


def test_a_class_that_nothing_is_known_of():
    score = per_class(np.diag([3, 0]))[1]
    assert all(math.isnan(v) for v in (score.recall, score.precision, score.f1))


def test_per_class_as_scikit_learn_has_it(digits):
    scores = per_class(confusion(digits))
    wanted = precision_recall_fscore_support(digits.truths, digits.predictions)
    for what, values in zip(("precision", "recall", "f1", "pictures"), wanted, strict=True):
        assert [getattr(s, what) for s in scores] == pytest.approx(values.tolist())
    assert digits.top1 < 0.95  # else nothing above was put to the test


def test_pairs_by_count_then_by_share():
    matrix = np.array([[50, 2, 0], [3, 10, 0], [2, 0, 4]])
    pairs = confused_pairs(matrix)
    assert [(p.truth, p.answer, p.count) for p in pairs] == [(1, 0, 3), (2, 0, 2), (0, 1, 2)]
    assert pairs[1].share == pytest.approx(1 / 3)
    assert confused_pairs(matrix, 1) == pairs[:1]
    assert confused_pairs(np.diag([3, 4])) == []


def test_worst_are_mistakes_by_loss(small, digits):
    assert worst(small).tolist() == [4, 3, 2, 5]  # of equal losses the earlier one
    assert worst(small, 2).tolist() == [4, 3]
    chosen = worst(digits)
    assert len(chosen) == (~digits.right).sum()
    assert (np.diff(digits.losses[chosen]) <= 0).all()


def test_calibration_by_hand(small):
    # Confidences .9, .6, .6, .7, .7, .6; right: the first two.
    made = calibrate(small, bins=2)
    assert made.counts.tolist() == [0, 6]
    assert math.isnan(made.confidences[0])
    assert made.error == pytest.approx(4.1 / 6 - 2 / 6)
    made = calibrate(small, bins=4)  # .6 and .7 in (.5, .75], .9 in (.75, 1]
    assert made.counts.tolist() == [0, 0, 5, 1]
    assert made.accuracies[2:].tolist() == [0.2, 1.0]
    assert made.error == pytest.approx(5 / 6 * (3.2 / 5 - 0.2) + 1 / 6 * 0.1)


def test_calibration_as_a_plain_loop_has_it(digits):
    made, bins, error = calibrate(digits), 15, 0.0
    for m in range(bins):
        inside = (digits.confidences > m / bins) & (digits.confidences <= (m + 1) / bins)
        if inside.any():
            gap = digits.right[inside].mean() - digits.confidences[inside].astype(float).mean()
            error += inside.mean() * abs(gap)
        assert made.counts[m] == inside.sum()
    assert made.error == pytest.approx(error)
    assert made.counts.sum() == len(digits.names)


def test_confidences_at_the_ends_have_a_bin():
    made = calibrate(Outcome(("a", "b"), [0, 1], [[1, 0], [0, 1]], [0, 0]))
    assert made.counts.tolist() == [0] * 14 + [2]
    assert made.error == 0


def test_no_bins_are_refused(small):
    with pytest.raises(ValueError, match="0 calibration bins"):
        calibrate(small, 0)


def test_wilson_against_published_values():
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_wilson_touches_the_ends_exactly():
    for pictures in range(1, 200):
        assert wilson(0, pictures)[0] == 0
        assert wilson(pictures, pictures)[1] == 1
    for wrong in ((1, 0), (3, 2), (-1, 5)):
        with pytest.raises(ValueError, match="right of"):
            wilson(*wrong)


def test_errors_csv(small, tmp_path):
    classes = ["ant", 'bee, "queen"', "käfer", "d"]
    path = write_errors(tmp_path / "errors.csv", small, classes)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    head = ["file", "truth", "prediction", "confidence", "loss", "suspected", "corrected"]
    assert list(rows[0]) == head
    assert [row["file"] for row in rows] == ["e", "d", "c", "f", "b", "a"]
    assert rows[0] == {
        "file": "e",
        "truth": "käfer",
        "prediction": "ant",
        "confidence": "0.7",
        "loss": "1.6",
        "suspected": "ant",
        "corrected": "",
    }
    assert rows[1]["prediction"] == 'bee, "queen"'


def test_errors_csv_keeps_file_names_that_are_not_utf8(tmp_path):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    made = Outcome((name,), [0], [[1, 0]], [0])
    content = write_errors(tmp_path / "errors.csv", made, ["a", "b"]).read_bytes()
    assert content.splitlines()[1] == b"caf\xe9.jpg,a,a,1,0,,"


def test_errors_csv_wants_every_class_named(small, tmp_path):
    with pytest.raises(ValueError, match="2 class names for 4 classes"):
        write_errors(tmp_path / "errors.csv", small, ["a", "b"])
