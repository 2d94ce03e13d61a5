"""Temperature and threshold, where the truth is known because it was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from hubel.analysis.calibration import at, cross_fitted, fit, temperature, threshold
from hubel.analysis.errors import calibrate
from hubel.runtime.decode.classify import softmax
from hubel.tasks.outcome import Outcome


def drawn(pictures: int, too_sure: float, seed: int = 0, classes: int = 10) -> Outcome:
    """Truths drawn from softmax(z), answers given by softmax(too_sure z)."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(pictures, classes)) * rng.uniform(0.5, 6, (pictures, 1))
    p = softmax(z)
    truths = (p.cumsum(axis=1) < rng.random((pictures, 1))).sum(axis=1).clip(0, classes - 1)
    given = softmax(z * too_sure)
    own = np.maximum(given[np.arange(pictures), truths], 1e-30)
    names = tuple(map(str, range(pictures)))
    return Outcome(names, truths, given.astype(np.float32), -np.log(own).astype(np.float32))


@pytest.mark.parametrize("too_sure", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(too_sure):
    outcome = drawn(10_000, too_sure)
    assert fit(outcome) == pytest.approx(too_sure, rel=0.03)


def test_the_error_is_small_after_and_not_before():
    found = temperature(drawn(10_000, 3.0))
    assert found.before.error > 0.1
    assert found.after.error <= 0.02
    assert found.pictures == 10_000


def test_cross_fitting_uses_the_other_half():
    """A temperature that is fitted on a picture itself would make it surer than it may be."""
    outcome = drawn(40, 1.0)
    own, crossed = at(outcome, fit(outcome)), cross_fitted(outcome)
    assert not np.array_equal(own.probabilities, crossed.probabilities)
    assert (crossed.predictions == outcome.predictions).all()
    assert len(np.unique(np.round(_temperatures(outcome, crossed), 3))) == 2


def _temperatures(before: Outcome, after: Outcome) -> np.ndarray:
    """What each picture's logits were divided by: the ratio of two log odds."""
    a, b = np.log(before.probabilities), np.log(after.probabilities)
    return (a[:, 0] - a[:, 1]) / (b[:, 0] - b[:, 1])


def test_all_right_does_not_ask_for_certainty():
    z = 4 * np.random.default_rng(0).normal(size=(50, 10))
    p = softmax(z).astype(np.float32)
    outcome = Outcome(tuple(map(str, range(50))), p.argmax(axis=1), p, np.ones(50, np.float32))
    assert 0.3 < fit(outcome) < 1
    assert at(outcome, fit(outcome)).confidences.mean() < 0.99


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_holds_on_pictures_that_did_not_choose_it(seed):
    found = threshold(drawn(5000, 3.0, seed), 0.98)
    assert abs(found.held - 0.98) < 0.01
    unseen = at(drawn(50_000, 3.0, seed + 100), fit(drawn(5000, 3.0, seed)))
    given = unseen.confidences >= found.confidence
    assert abs(unseen.right[given].mean() - 0.98) < 0.01
    assert given.mean() == pytest.approx(found.answered, abs=0.03)


def test_a_threshold_that_everything_meets_is_zero():
    p = np.tile(np.float32([0.9, 0.1]), (200, 1))
    outcome = Outcome(tuple(map(str, range(200))), np.zeros(200), p, np.ones(200))
    found = threshold(outcome, 0.9)
    assert (found.confidence, found.answered, found.held) == (0.0, 1.0, 1.0)


def test_what_cannot_be_reached_is_refused():
    guesses = Outcome(
        tuple(map(str, range(400))),
        np.arange(400) % 2,
        np.tile(np.float32([0.6, 0.4]), (400, 1)),
        np.ones(400),
    )
    with pytest.raises(ValueError, match="no threshold gives a precision of 98 %"):
        threshold(guesses, 0.98)
    with pytest.raises(ValueError, match="precision=98"):
        threshold(guesses, 98)


def test_one_picture_is_enough_not_to_fail():
    outcome = drawn(1, 1.0)
    assert temperature(outcome).pictures == 1
    assert calibrate(at(outcome, 2.0)).error >= 0
