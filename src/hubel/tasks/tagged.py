"""What a network answered where pictures have several classes, and the scores of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hubel.runtime.decode.tags import SHOWN
from hubel.tasks.outcome import NotNumbers, Stored


@dataclass(frozen=True, eq=False)
class Tagged(Stored):
    """The answers for N pictures and K classes.

    `truths`: bool (N, K). `probabilities`: float32 (N, K), in 0..1, that a class is there.
    `losses`: float32 (N,), the binary cross-entropy of each picture. ValueError where these do not
    fit together or where a value is not a number.
    """

    names: tuple[str, ...]
    truths: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    losses: NDArray[np.float32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "truths", np.asarray(self.truths) > 0)
        object.__setattr__(self, "probabilities", np.asarray(self.probabilities, np.float32))
        object.__setattr__(self, "losses", np.asarray(self.losses, np.float32))
        count, shape = len(self.names), self.probabilities.shape
        if not count or len(shape) != 2 or self.truths.shape != shape or shape[0] != count:
            raise ValueError(
                f"truths {self.truths.shape} and probabilities {shape} for {count} names; give "
                "(pictures, classes) of both"
            )
        # Written so that NaN fails the comparison too.
        if not ((self.probabilities >= 0) & (self.probabilities <= 1)).all():
            raise NotNumbers("probabilities outside 0..1 or not a number; give sigmoid outputs")
        if self.losses.shape != (count,):
            raise ValueError(f"losses {self.losses.shape} for {count} names; give one per picture")
        if np.isnan(self.losses).any():
            raise NotNumbers("a loss is not a number; validate with finite logits")

    @property
    def classes(self) -> int:
        """K, the number of classes."""
        return self.probabilities.shape[1]

    @property
    def score(self) -> str:
        """The scores of record, in words."""
        return f"mean average precision {self.mean_average_precision:.2%}, F1 {self.f1:.2%}"

    @cached_property
    def answers(self) -> NDArray[np.bool_]:
        """(N, K): the classes that the network says are there."""
        return self.probabilities >= SHOWN

    @cached_property
    def per_class(self) -> NDArray[np.int64]:
        """(K, 3): pictures that show the class, answers with it, and both at once."""
        both = self.truths & self.answers
        return np.stack([a.sum(axis=0) for a in (self.truths, self.answers, both)], axis=1)

    @cached_property
    def average_precision(self) -> NDArray[np.float64]:
        """(K,): sum over the ranks of (recall - recall before) x precision, equal probabilities
        one rank; NaN for a class that no picture shows.
        """
        return np.array(
            [_precision(t, p) for t, p in zip(self.truths.T, self.probabilities.T)], np.float64
        )

    @property
    def mean_average_precision(self) -> float:
        """Over the classes that some picture shows."""
        known = self.average_precision[~np.isnan(self.average_precision)]
        return float(known.mean()) if len(known) else 0.0

    @property
    def f1_per_class(self) -> NDArray[np.float64]:
        """(K,): 2 both / (pictures + answers); 0 where there is neither."""
        pictures, answers, both = self.per_class.T
        return 2 * both / np.maximum(pictures + answers, 1)

    @property
    def f1(self) -> float:
        """Over all questions together (micro)."""
        pictures, answers, both = self.per_class.sum(axis=0).tolist()
        return 2 * both / max(pictures + answers, 1)

    @property
    def f1_macro(self) -> float:
        """The mean over the classes that some picture shows."""
        known = self.per_class[:, 0] > 0
        return float(self.f1_per_class[known].mean()) if known.any() else 0.0

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """(N,): whether every class of the picture is answered right."""
        return (self.answers == self.truths).all(axis=1)


def _precision(truths: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> float:
    """Average precision of one class."""
    if not truths.any():
        return float("nan")
    order = np.argsort(-probabilities, kind="stable")
    found = np.cumsum(truths[order])
    last = np.append(np.diff(probabilities[order]) != 0, True)  # of those equally probable
    recall, precision = found[last] / found[-1], found[last] / (np.flatnonzero(last) + 1)
    return float((np.diff(recall, prepend=0.0) * precision).sum())
