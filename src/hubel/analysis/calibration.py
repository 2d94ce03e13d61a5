"""Confidence that can be believed: one temperature, and a threshold below which nothing is said.

What is fitted on a half of the validation pictures is measured on the other, and the halves are
exchanged; what ships is fitted on all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hubel.analysis.errors import Calibration, calibrate
from hubel.runtime.decode.classify import softmax
from hubel.tasks.outcome import Outcome

COLDEST, HOTTEST = 0.2, 20.0


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by, and how confidence and accuracy agree before and after.

    `after` is cross-fitted: of pictures that had no part in their temperature.
    """

    value: float
    before: Calibration
    after: Calibration
    pictures: int

    def to_dict(self) -> dict[str, float | int | str]:
        """As bundle.json keeps it."""
        return {
            "temperature": self.value,
            "method": "temperature, fitted on the validation pictures",
            "pictures": self.pictures,
            "error_before": self.before.error,
            "error_after": self.after.error,
        }


@dataclass(frozen=True)
class Threshold:
    """Answers below `confidence` become "I don't know", so that of those given `precision` are
    right.

    `held` is the precision, and `answered` the share of pictures that get an answer, on the half
    that did not choose it (mean of both).
    """

    confidence: float
    precision: float
    held: float
    answered: float

    def to_dict(self) -> dict[str, float]:
        """As bundle.json keeps it."""
        return {
            "confidence": self.confidence,
            "precision": self.precision,
            "held": self.held,
            "answered": self.answered,
        }


def temperature(outcome: Outcome) -> Temperature:
    """The temperature of these answers, with its error before and after."""
    before, after = calibrate(outcome), calibrate(cross_fitted(outcome))
    return Temperature(fit(outcome), before, after, len(outcome.names))


def fit(outcome: Outcome) -> float:
    """The T that makes the mean of -log softmax(z / T)_truth least (Guo et al. 2017, section 4.2).

    One picture of unknown class is added, since a few pictures that are all answered right would
    ask for certainty. T stays within COLDEST..HOTTEST.
    """
    z = _logits(outcome)
    n, _k = z.shape
    # Of -log p_truth(b z), b = 1 / T, the slope is E_p[z] - z_truth: it grows with b.
    wanted = z[np.arange(n), outcome.truths] * (1 - 1 / (n + 1)) + z.mean(axis=1) / (n + 1)
    low, high = math.log(1 / HOTTEST), math.log(1 / COLDEST)
    while high - low > 1e-3:  # a thousandth of the temperature
        middle = (low + high) / 2
        slope = ((softmax(z, math.exp(-middle)) * z).sum(axis=1) - wanted).sum()
        low, high = (low, middle) if slope > 0 else (middle, high)
    return math.exp(-(low + high) / 2)


def at(outcome: Outcome, value: float) -> Outcome:
    """The same answers at another temperature."""
    p = softmax(_logits(outcome), value)
    own = p[np.arange(len(p)), outcome.truths]
    losses = -np.log(np.maximum(own, np.finfo(np.float32).tiny))
    return replace(outcome, probabilities=p.astype(np.float32), losses=losses.astype(np.float32))


def cross_fitted(outcome: Outcome) -> Outcome:
    """Every picture at the temperature of the half that it is not in."""
    p = np.empty_like(outcome.probabilities)
    for one, other in _halves(outcome):
        p[other] = at(_take(outcome, other), fit(_take(outcome, one))).probabilities
    return replace(outcome, probabilities=p)


def threshold(outcome: Outcome, precision: float) -> Threshold:
    """The least confidence, at the fitted temperature, whose answers have the wanted precision.

    ValueError where no threshold reaches it.
    """
    if not 0 < precision < 1:
        raise ValueError(f"precision={precision}: it lies between 0 and 1, such as 0.98")
    least = _least(at(outcome, fit(outcome)), precision)
    held, answered = [], []
    for one, other in _halves(outcome):
        a, b = _take(outcome, one), _take(outcome, other)
        value = fit(a)
        given = at(b, value).confidences >= _least(at(a, value), precision)
        answered.append(float(given.mean()))
        if given.any():
            held.append(float(b.right[given].mean()))
    right = float(np.mean(held)) if held else math.nan
    return Threshold(least, precision, right, float(np.mean(answered)))


def _least(outcome: Outcome, precision: float) -> float:
    """The lowest confidence c such that of all pictures at least so sure, `precision` are right.

    Not from fewer pictures than it takes to tell this precision from certainty, 1 / (1 - precision)
    of them.
    """
    order = np.argsort(-outcome.confidences, kind="stable")
    sure, count = outcome.confidences[order], np.arange(1, len(order) + 1)
    share = np.cumsum(outcome.right[order]) / count
    needed = math.ceil(round(1 / (1 - precision), 6))
    last = np.append(sure[1:] < sure[:-1], True)  # of equally sure ones all are taken or none
    good = np.flatnonzero((share >= precision) & last & (count >= needed))
    if not len(good):
        best = share[last & (count >= needed)]
        said = f"the surest are right in {best.max():.1%} at best" if len(best) else "too few"
        raise ValueError(
            f"no threshold gives a precision of {100 * precision:g} % here: it takes {needed:,} "
            f"sure answers or more to see it, and of {len(order):,} pictures {said}; ask for less, "
            "or validate on more pictures"
        )
    if good[-1] == len(order) - 1:
        return 0.0
    # Between the last that is taken and the first that is not, so that rounding decides nothing.
    return float((sure[good[-1]] + sure[good[-1] + 1]) / 2)


def _logits(outcome: Outcome) -> NDArray[np.float64]:
    """Logits up to a constant for each picture, which a softmax does not see."""
    p = outcome.probabilities.astype(np.float64)
    return np.log(np.maximum(p, np.finfo(np.float32).tiny))


def _halves(outcome: Outcome) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(this, that) and (that, this) half, drawn by chance, the same ones every time."""
    order = np.random.default_rng(0).permutation(len(outcome.names))
    one, other = order[::2], order[1::2]
    if not len(other):
        one = other = order
    yield one, other
    yield other, one


def _take(outcome: Outcome, places: NDArray[np.int64]) -> Outcome:
    return Outcome(
        tuple(outcome.names[i] for i in places),
        outcome.truths[places],
        outcome.probabilities[places],
        outcome.losses[places],
    )
