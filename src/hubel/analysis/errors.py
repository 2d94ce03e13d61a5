"""Where a classifier goes wrong: by class, pair of classes and picture, and in its confidence."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hubel.analysis.labels import suspects
from hubel.runtime.files import write_whole
from hubel.tasks.outcome import Outcome
from hubel.tasks.tagged import Tagged


def confusion(outcome: Outcome) -> NDArray[np.int64]:
    """(K, K): how many pictures of truth (row) were answered with each class (column)."""
    k = outcome.classes
    return np.bincount(outcome.truths * k + outcome.predictions, minlength=k * k).reshape(k, k)


@dataclass(frozen=True)
class ClassScore:
    """The scores of one class, each in 0..1; NaN where nothing can be said.

    `pictures` have this class as truth, `answers` got it as answer, `right` both.
    """

    pictures: int
    answers: int
    right: int

    @property
    def recall(self) -> float:
        """right / pictures; this is what the accuracy of a class means everywhere in Hubel."""
        return self.right / self.pictures if self.pictures else math.nan

    @property
    def precision(self) -> float:
        """right / answers."""
        return self.right / self.answers if self.answers else math.nan

    @property
    def f1(self) -> float:
        """The harmonic mean of recall and precision: 2 right / (pictures + answers)."""
        both = self.pictures + self.answers
        return 2 * self.right / both if both else math.nan


def per_class(matrix: NDArray[np.int64]) -> list[ClassScore]:
    """The scores of every class from the confusion matrix (K, K), in its order."""
    return [
        ClassScore(int(pictures), int(answers), int(right))
        for pictures, answers, right in zip(
            matrix.sum(axis=1), matrix.sum(axis=0), matrix.diagonal(), strict=True
        )
    ]


@dataclass(frozen=True)
class Pair:
    """`count` pictures of class `truth`, a `share` (0..1) of that class, were answered `answer`."""

    truth: int
    answer: int
    count: int
    share: float


def confused_pairs(matrix: NDArray[np.int64], limit: int | None = None) -> list[Pair]:
    """The mistakes in a confusion matrix (K, K), by count, then by share, the largest first."""
    pictures = matrix.sum(axis=1)
    pairs = [
        Pair(int(i), int(j), int(matrix[i, j]), float(matrix[i, j] / pictures[i]))
        for i, j in zip(*matrix.nonzero(), strict=True)
        if i != j
    ]
    pairs.sort(key=lambda pair: (-pair.count, -pair.share, pair.truth, pair.answer))
    return pairs[:limit]


def worst(outcome: Outcome, limit: int | None = None) -> NDArray[np.int64]:
    """Indices of the wrongly answered pictures, the highest loss first."""
    order = np.argsort(-outcome.losses, kind="stable")
    return order[~outcome.right[order]][:limit]


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be believed: the answers in B bins of equal width of confidence.

    `counts` int64 (B,); the mean `confidences` and `accuracies` of each bin, float64 (B,), NaN in
    an empty one. `error` is the expected calibration error, 0..1: the mean over all pictures of
    |accuracy - confidence| of their bin (Guo et al. 2017, equation 3).
    """

    counts: NDArray[np.int64]
    confidences: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    error: float


def calibrate(outcome: Outcome, bins: int = 15) -> Calibration:
    """Bin the answers by confidence; bin m of B is ((m - 1) / B, m / B], as in Guo et al. 2017."""
    if bins < 1:
        raise ValueError(f"{bins} calibration bins; give 1 or more")
    confidences = outcome.confidences.astype(np.float64)
    place = np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    filled = np.where(counts, counts, np.nan)  # a division by NaN gives the NaN of an empty bin
    confidence = np.bincount(place, confidences, bins) / filled
    accuracy = np.bincount(place, outcome.right, bins) / filled
    error = np.nansum(counts * np.abs(accuracy - confidence)) / len(confidences)
    return Calibration(counts, confidence, accuracy, float(error))


def wilson(right: int, pictures: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval, within 0..1, that holds the true accuracy with 95 % confidence (z = 1.959964).

    Wilson's score interval (1927, JASA 22): unlike right / pictures +- z sigma it stays within
    0..1, and it stays honest for few pictures and for scores near 0 or 1.
    """
    if not 0 <= right <= pictures or pictures < 1:
        raise ValueError(f"{right} right of {pictures} pictures; give 0 <= right <= pictures >= 1")
    p, zz = right / pictures, z * z / pictures
    middle = (p + zz / 2) / (1 + zz)
    half = z * math.sqrt(p * (1 - p) / pictures + zz / pictures / 4) / (1 + zz)
    # At the ends the interval touches 0 or 1 exactly; rounding would miss it by a bit.
    return (middle - half if right else 0.0), (middle + half if right < pictures else 1.0)


def write_errors(
    path: str | os.PathLike[str], outcome: Outcome | Tagged, classes: Sequence[str]
) -> Path:
    """Write errors.csv: every validation picture, the highest loss first.

    Columns `file,truth,prediction,confidence,loss,suspected,corrected`, the classes by name.
    `suspected` is the class that a doubtful truth probably should be (analysis/labels.py), empty
    for the others. `corrected` is empty: whoever finds a wrong truth writes the right class there,
    and `hubel train --labels errors.csv` applies it. Several classes of a picture have | between
    them, their confidence is that of the least sure answer, and none is suspected.
    """
    if len(classes) != outcome.classes:
        raise ValueError(f"{len(classes)} class names for {outcome.classes} classes; name each one")
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "truth", "prediction", "confidence", "loss", "suspected", "corrected"])
    suggested: dict[int, int] = {}
    if isinstance(outcome, Outcome):
        doubted = suspects(outcome.probabilities, outcome.truths)
        suggested = dict(zip(doubted.places.tolist(), doubted.suggested.tolist()))
    for i in np.argsort(-outcome.losses, kind="stable").tolist():
        truth, answer, confidence = _said(outcome, classes, i)
        numbers = f"{confidence:.6g}", f"{outcome.losses[i]:.6g}"
        doubt = classes[suggested[i]] if i in suggested else ""
        rows.writerow([outcome.names[i], truth, answer, *numbers, doubt, ""])
    # A file name that is not UTF-8 comes from the system with surrogates and goes back as bytes.
    return write_whole(path, text.getvalue().encode("utf-8", "surrogateescape"))


def _said(outcome: Outcome | Tagged, classes: Sequence[str], i: int) -> tuple[str, str, float]:
    """Truth, answer and confidence of a picture."""
    if isinstance(outcome, Outcome):
        confidence = float(outcome.confidences[i])
        return classes[outcome.truths[i]], classes[outcome.predictions[i]], confidence
    truth, answer = (
        "|".join(classes[k] for k in np.flatnonzero(which[i]).tolist())
        for which in (outcome.truths, outcome.answers)
    )
    return truth, answer, float(np.abs(outcome.probabilities[i] - 0.5).min() + 0.5)
