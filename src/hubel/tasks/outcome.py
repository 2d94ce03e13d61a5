"""What a network answered for every validation picture: scores and reports are made from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hubel.runtime.files import write_whole

# What numpy raises for a file that is no .npz, lacks an array, or holds another kind of them.
_NO_OUTCOME = (ValueError, OSError, EOFError, KeyError, TypeError, AttributeError, BadZipFile)


class NotNumbers(ValueError):
    """Answers that are NaN: the network that gave them is broken."""


@dataclass(frozen=True, eq=False)
class Stored:
    """Answers that are kept as arrays in one file."""

    names: tuple[str, ...]
    truths: NDArray[Any]
    probabilities: NDArray[np.float32]
    losses: NDArray[np.float32]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one compressed .npz, whole or not at all."""
        return write_whole(
            path,
            lambda file: np.savez_compressed(
                file,
                names=np.array(self.names, np.str_),
                truths=self.truths,
                probabilities=self.probabilities,
                losses=self.losses,
            ),
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Any:
        """Read what `save` wrote. No pickle: nothing in the file is run."""
        arrays = arrays_of(path)
        try:
            kept = [arrays[what] for what in ("truths", "probabilities", "losses")]
            return cls(tuple(arrays["names"].tolist()), *kept)
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(f"{path} is not an outcome that Hubel wrote: {error}") from error


def arrays_of(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """The arrays of an outcome's file by name; ValueError where it is none."""
    try:
        # numpy leaves a file that it opened itself open where it is no .npz.
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return dict(file)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; give the outcome file of a run") from None
    except _NO_OUTCOME as error:
        raise ValueError(f"{path} is not an outcome that Hubel wrote: {error}") from error


@dataclass(frozen=True, eq=False)
class Outcome(Stored):
    """The answers of a network for N pictures and K classes.

    `names`: the file (or row) of every picture. `truths`: int64 (N,), class indices.
    `probabilities`: float32 (N, K), in 0..1. `losses`: float32 (N,), the validation loss of each
    picture. ValueError where these do not fit together or where a value is not a number.
    """

    names: tuple[str, ...]
    truths: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    losses: NDArray[np.float32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "truths", np.asarray(self.truths, np.int64))
        object.__setattr__(self, "probabilities", np.asarray(self.probabilities, np.float32))
        object.__setattr__(self, "losses", np.asarray(self.losses, np.float32))
        count = len(self.names)
        if count == 0:
            raise ValueError("an outcome of 0 pictures; validate on at least one")
        if self.probabilities.ndim != 2 or self.probabilities.shape[1] < 2:
            raise ValueError(
                f"probabilities of shape {self.probabilities.shape}; give (pictures, classes >= 2)"
            )
        for what in ("truths", "probabilities", "losses"):
            shape = getattr(self, what).shape
            wanted = self.probabilities.shape[1:] if what == "probabilities" else ()
            if shape != (count, *wanted):
                raise ValueError(f"{what} of shape {shape} for {count} names; give one per picture")
        classes = self.probabilities.shape[1]
        if self.truths.min() < 0 or self.truths.max() >= classes:
            wrong = self.truths[(self.truths < 0) | (self.truths >= classes)][0]
            raise ValueError(f"truth {wrong} among {classes} classes; give 0 to {classes - 1}")
        # Written so that NaN fails the comparison too.
        if not ((self.probabilities >= 0) & (self.probabilities <= 1)).all():
            raise NotNumbers("probabilities outside 0..1 or not a number; give softmax outputs")
        if np.isnan(self.losses).any():
            first = self.names[int(np.isnan(self.losses).argmax())]
            raise ValueError(f"the loss of {first!r} is not a number; validate with finite logits")

    @property
    def classes(self) -> int:
        """K, the number of classes."""
        return self.probabilities.shape[1]

    @cached_property
    def predictions(self) -> NDArray[np.int64]:
        """(N,): the class of the highest probability; of equal ones, the first."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confidences(self) -> NDArray[np.float32]:
        """(N,): the probability of the answer that was given."""
        return self.probabilities.max(axis=1)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """(N,): whether the answer is the truth."""
        return self.predictions == self.truths

    def top(self, k: int) -> float:
        """The share of pictures, 0..1, whose truth is among the k most probable classes.

        With fewer than k classes this is top-K over all K of them, and so 1. Of equally probable
        classes the first counts as more probable, as in `predictions`.
        """
        if k < 1:
            raise ValueError(f"top-{k}; k is 1 or more")
        own = np.take_along_axis(self.probabilities, self.truths[:, None], axis=1)
        before = np.arange(self.classes) < self.truths[:, None]
        ahead = (self.probabilities > own) | ((self.probabilities == own) & before)
        return float((ahead.sum(axis=1) < k).mean())

    @property
    def top1(self) -> float:
        """The accuracy, 0..1."""
        return self.top(1)

    @property
    def top5(self) -> float:
        """Top-5 accuracy, 0..1; with K < 5 classes, top-K accuracy, which is 1."""
        return self.top(5)

    @property
    def score(self) -> str:
        """The scores of record, in words."""
        first = f", {self.top5:.2%} among the first five" if self.classes > 5 else ""
        return f"{self.top1:.2%} right{first}"

    @property
    def per_class(self) -> NDArray[np.int64]:
        """(K, 2): how many pictures each class has, and how many of them were answered right."""
        counts = [
            np.bincount(t, minlength=self.classes) for t in (self.truths, self.truths[self.right])
        ]
        return np.stack(counts, axis=1)
