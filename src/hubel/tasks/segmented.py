"""Scores of maps of classes: how the pixels of every validation picture were answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hubel.runtime.decode.segment import IGNORED
from hubel.tasks.outcome import Stored

MISTAKEN = 12
NEAR = 0.0075
"""Share of the diagonal within which a boundary counts as met."""


class Counts(NamedTuple):
    """One picture: pixels by truth and answer, int64 (K, K); and of the boundaries of every class,
    int64 (K, 4): found, of these met, there, of these met.
    """

    confusion: NDArray[np.int64]
    boundary: NDArray[np.int64]


def count(found: NDArray[np.uint8], truth: NDArray[np.uint8], classes: int) -> Counts:
    """The counts of a map (H, W) against the truth, in which IGNORED pixels count for nothing.

    ValueError for maps of different sizes and for a truth beyond the classes.
    """
    if found.shape != truth.shape:
        raise ValueError(f"a map of {found.shape} for a truth of {truth.shape}; they are one size")
    known = truth != IGNORED
    if known.any() and truth[known].max() >= classes:
        raise ValueError(f"class number {truth[known].max()} among {classes} classes")
    pairs = truth[known].astype(np.int64) * classes + found[known]
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    near = round(NEAR * math.hypot(*truth.shape))
    boundary = np.zeros((classes, 4), np.int64)
    for first in range(0, classes, 64):  # so many classes go into one number of 64 bits
        part = slice(first, first + 64)
        boundary[part] = _boundaries(found, truth, first, min(64, classes - first), near)
    return Counts(confusion, boundary)


def _boundaries(
    found: NDArray[np.uint8], truth: NDArray[np.uint8], first: int, classes: int, near: int
) -> NDArray[np.int64]:
    """The four counts of the classes from `first` on: every class has a bit."""
    known = truth != IGNORED
    mine, there = (edges(m, known, first, classes) for m in (found, truth))
    reached = [dilated(bits, near) for bits in (there, mine)]
    columns = (mine, mine & reached[0], there, there & reached[1])
    return np.stack([_each(bits, classes) for bits in columns], axis=1)


def edges(
    classes_map: NDArray[np.uint8], known: NDArray[np.bool_], first: int = 0, classes: int = 64
) -> NDArray[np.uint64]:
    """(H, W) with bit k - `first` where a pixel of class k has a neighbour, of four, of another
    class; pixels that are not known have no class and make no boundary.
    """
    edge = np.zeros(classes_map.shape, bool)
    for a, b in (
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        differ = (classes_map[a] != classes_map[b]) & known[a] & known[b]
        edge[a] |= differ
        edge[b] |= differ
    number = classes_map.astype(np.int64) - first
    edge &= (number >= 0) & (number < classes)
    return np.where(edge, np.uint64(1) << number.clip(0, 63).astype(np.uint64), np.uint64(0))


def dilated(bits: NDArray[np.uint64], near: int) -> NDArray[np.uint64]:
    """Every bit spread to all pixels at a distance of at most `near`, (H, W)."""
    wide, answer, reach = bits.copy(), np.zeros_like(bits), 0
    for dy in range(near, -1, -1):  # a disc has the narrowest rows outermost
        half = math.isqrt(near**2 - dy**2)
        for dx in range(reach + 1, half + 1):
            wide[:, dx:] |= bits[:, :-dx] if dx < bits.shape[1] else 0
            wide[:, :-dx] |= bits[:, dx:]
        reach = max(reach, half)
        if dy < len(bits):
            answer[dy:] |= wide[: len(bits) - dy]
            answer[: len(bits) - dy] |= wide[dy:]
    return answer


def _each(bits: NDArray[np.uint64], classes: int) -> NDArray[np.int64]:
    """In how many pixels each bit is set, (classes,)."""
    some = bits[bits > 0]
    shifts = np.arange(classes, dtype=np.uint64)
    return np.array([int(((some >> k) & np.uint64(1)).sum()) for k in shifts], np.int64)


@dataclass(frozen=True, eq=False)
class Segmented(Stored):
    """The answers for N pictures whose every pixel has one of K classes.

    `names`: the file of every picture. `confusions`: int64 (N, K, K), pixels by truth and answer.
    `boundaries`: int64 (N, K, 4), as in `Counts`. ValueError where these do not fit together.
    """

    names: tuple[str, ...]
    confusions: NDArray[np.int64]
    boundaries: NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        n = len(self.names)
        if n == 0:
            raise ValueError("an outcome of 0 pictures; validate on at least one")
        k = self.confusions.shape[-1]
        for what, shape in (("confusions", (n, k, k)), ("boundaries", (n, k, 4))):
            if getattr(self, what).shape != shape:
                raise ValueError(f"{what} of shape {getattr(self, what).shape}; {shape} is needed")

    @classmethod
    def of(cls, names: Sequence[str], counts: Sequence[Counts]) -> Segmented:
        """The outcome of the counts of every picture."""
        confusions, boundaries = (np.stack(parts) for parts in zip(*counts))
        return cls(tuple(names), confusions, boundaries)

    @property
    def classes(self) -> int:
        """K."""
        return self.confusions.shape[1]

    @cached_property
    def per_class(self) -> NDArray[np.float64]:
        """(K,): IoU of each class over all pictures, right / (truth or answer); NaN for a class
        that is in neither.
        """
        return ious(self.confusions.sum(axis=0))

    @property
    def miou(self) -> float:
        """The mean of these over the classes. Long et al. 2015 (arXiv 1411.4038), section 5."""
        return _mean(self.per_class)

    @property
    def accuracy(self) -> float:
        """The share of the pixels that were answered right."""
        total = self.confusions.sum(axis=0)
        return float(np.trace(total) / max(total.sum(), 1))

    @cached_property
    def per_picture(self) -> NDArray[np.float64]:
        """(N,): the mean IoU within each picture; NaN for one of which nothing is known."""
        return np.array([_mean(ious(c)) for c in self.confusions])

    @cached_property
    def boundary_f1(self) -> float:
        """Boundary F1, 0..1: of a class in a picture 2 P R / (P + R), P the share of the found
        boundary pixels that lie within 0.75 % of the picture's diagonal of a true one, R the share
        of the true ones that lie so near to a found one; the mean over the classes that have a
        boundary there, found or true, then over the pictures.

        Source: Csurka, Larlus, Perronnin 2013, "What is a good evaluation measure for semantic
        segmentation?", BMVC.
        """
        found, found_met, there, there_met = np.moveaxis(self.boundaries.astype(float), 2, 0)
        with np.errstate(invalid="ignore"):
            p, r = found_met / found, there_met / there
        some = (found > 0) | (there > 0)
        p, r = np.nan_to_num(p), np.nan_to_num(r)
        f1 = np.divide(2 * p * r, p + r, out=np.zeros_like(p), where=p + r > 0)
        return _mean(np.array([_mean(f[s]) for f, s in zip(f1, some)]))

    @cached_property
    def worst(self) -> NDArray[np.int64]:
        """(N,): the pictures, that with the lowest mean IoU first."""
        return np.argsort(self.per_picture, kind="stable")  # NaN comes last

    def note(self, i: int) -> str:
        """How picture i was answered."""
        right, known = np.trace(self.confusions[i]), max(self.confusions[i].sum(), 1)
        return f"mean IoU {self.per_picture[i]:.1%}, {right / known:.1%} of the pixels right"

    def tables(self, classes: Sequence[str]) -> list[tuple[str, list[str], list[list[Any]]]]:
        """The classes, and what they are mistaken for."""
        total = self.confusions.sum(axis=0)
        there, found, right = total.sum(axis=1), total.sum(axis=0), np.diagonal(total)
        rows = [
            [name, iou, r / max(f, 1), r / max(t, 1), t / max(there.sum(), 1)]
            for name, iou, r, f, t in zip(classes, self.per_class.tolist(), right, found, there)
        ]
        wrong = np.where(np.eye(len(total), dtype=bool), 0, total)
        most = np.argsort(-wrong, axis=None, kind="stable")[:MISTAKEN]
        pairs = [(int(p) // len(total), int(p) % len(total)) for p in most if wrong.flat[p]]
        mistaken = [
            [classes[t], classes[f], int(wrong[t, f]), wrong[t, f] / there[t]] for t, f in pairs
        ]
        return [
            ("Classes", ["class", "IoU", "precision", "recall", "share of the pixels"], rows),
            ("Mistaken most", ["truth", "answer", "pixels", "share of the truth"], mistaken),
        ]

    def plots(self, classes: Sequence[str]) -> list[Any]:
        """None."""
        return []

    @property
    def score(self) -> str:
        """The scores of record, in words."""
        return (
            f"mean IoU {self.miou:.2%}, {self.accuracy:.2%} of the pixels right, "
            f"boundary F1 {self.boundary_f1:.2%}"
        )

    def by_class(self, classes: Sequence[str]) -> dict[str, float]:
        """The IoU of each class that is there or was answered."""
        each = zip(classes, self.per_class.tolist())
        return {name: iou for name, iou in each if not math.isnan(iou)}

    def told(self, classes: Sequence[str]) -> list[str]:
        """The IoU of every class, the lowest first, as lines."""
        known = self.by_class(classes)
        wide = max(map(len, known), default=0)
        return [
            f"{name:{wide}}  IoU {known[name]:.2%}"
            for name in sorted(known, key=lambda name: known[name])
        ]


def ious(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """(K, K) -> (K,); NaN where a class is neither there nor answered."""
    right = np.diagonal(confusion).astype(float)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - right
    return np.divide(right, union, out=np.full_like(right, np.nan), where=union > 0)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan
