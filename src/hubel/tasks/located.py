"""What a network answered for pictures of one object each: its class and its box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.runtime.decode.boxes import iou
from hubel.tasks.outcome import Stored


@dataclass(frozen=True, eq=False)
class Localized(Stored):
    """The answers for N pictures and K classes.

    `names`: the file of every picture; `sizes` int64 (N, 2), its height and width. `labels` int64
    (N,) and `truths` float64 (N, 4): class and box (x1 y1 x2 y2 in its pixels) that are there, -1
    and NaN where there is none, which counts for nothing. `probabilities` (N, K) and `boxes`
    (N, 4): what was found. ValueError where these do not fit together.
    """

    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    labels: NDArray[np.int64]
    truths: NDArray[np.float64]
    probabilities: NDArray[np.floating]
    boxes: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        n = len(self.names)
        wanted = {"sizes": (2,), "labels": (), "truths": (4,), "boxes": (4,)}
        wanted["probabilities"] = self.probabilities.shape[1:2]
        for what, rest in wanted.items():
            if (shape := getattr(self, what).shape) != (n, *rest):
                raise ValueError(f"{what} of shape {shape} for {n} names; {(n, *rest)} is needed")
        if not self.has.any():
            raise ValueError("no picture has an object: there is nothing to score")

    @property
    def has(self) -> NDArray[np.bool_]:
        """(N,): whether there is an object."""
        return self.labels >= 0

    @cached_property
    def ious(self) -> NDArray[np.float64]:
        """(N,): IoU of the box that was found and the one that is there; NaN without one."""
        return _paired(self.boxes, self.truths)

    @property
    def iou(self) -> float:
        """Their mean."""
        return float(self.ious[self.has].mean())

    @property
    def top1(self) -> float:
        """The share whose class was answered right."""
        return float((self.probabilities.argmax(axis=1) == self.labels)[self.has].mean())

    @cached_property
    def constant(self) -> float:
        """The mean IoU of the constant answer: the mean of all boxes, in shares of the picture."""
        scale = self.sizes[:, [1, 0, 1, 0]]
        middle = (self.truths / scale)[self.has].mean(axis=0)
        return float(_paired(middle * scale, self.truths)[self.has].mean())

    @cached_property
    def worst(self) -> NDArray[np.int64]:
        """(N,): the pictures, that of the lowest IoU first, those without an object last."""
        return np.argsort(self.ious, kind="stable")

    def note(self, i: int) -> str:
        """How picture i was answered."""
        if not self.has[i]:
            return "nothing is there"
        right = self.probabilities[i].argmax() == self.labels[i]
        return f"IoU {self.ious[i]:.2f}, class {'right' if right else 'wrong'}"

    @property
    def score(self) -> str:
        """The scores of record, in words, beside what knows nothing of the picture."""
        told = f"mean IoU {self.iou:.2%} (the constant mean box: {self.constant:.2%})"
        return f"{told}, {self.top1:.2%} of the classes right"

    def by_class(self, classes: Sequence[str]) -> dict[str, float]:
        """The mean IoU of each class that is there."""
        return {name: iou for name, iou, *_ in self._rows(classes)}

    def told(self, classes: Sequence[str]) -> list[str]:
        """Mean IoU and accuracy of every class, the lowest first, as lines."""
        rows = sorted(self._rows(classes), key=lambda row: row[1])
        wide = max(len(name) for name, *_ in rows)
        return [f"{name:{wide}}  IoU {iou:.2%}  {right:.2%} right" for name, iou, right, _ in rows]

    def tables(self, classes: Sequence[str]) -> list[tuple[str, list[str], list[list[Any]]]]:
        """The classes."""
        head = ["class", "mean IoU", "answered right", "pictures"]
        return [("Classes", head, [list(row) for row in self._rows(classes)])]

    def plots(self, classes: Sequence[str]) -> list[Any]:
        """The share of the boxes that reach an IoU."""
        limits = np.linspace(0, 1, 51)
        reached = (self.ious[self.has][:, None] >= limits).mean(axis=0)
        curve = list(zip(limits.tolist(), reached.tolist()))
        return [("Share of the boxes that reach it", {"share": curve}, "IoU")]

    def _rows(self, classes: Sequence[str]) -> list[tuple[str, float, float, int]]:
        answers = self.probabilities.argmax(axis=1)
        of = [(name, self.labels == k) for k, name in enumerate(classes)]
        return [
            (name, float(self.ious[m].mean()), float((answers == self.labels)[m].mean()), m.sum())
            for name, m in of
            if m.any()
        ]


def _paired(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU of boxes pair by pair, (N, 4), (N, 4) -> (N,); NaN where a box is none."""
    none = np.isnan(first).any(axis=1) | np.isnan(second).any(axis=1)
    each = [iou(a[None], b[None])[0, 0] for a, b in zip(first, second)]
    return np.where(none, np.nan, each)
