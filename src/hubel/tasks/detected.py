"""What a detector found in every validation picture, and what is there."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hubel.data.objects import Mask, Objects, encode
from hubel.runtime.decode.found import Found
from hubel.runtime.files import write_whole
from hubel.tasks.mistakes import KINDS, Mistakes, mistakes
from hubel.tasks.outcome import arrays_of
from hubel.tasks.precision import SIZES, Precision, average_precision

Table = tuple[str, Sequence[str], Sequence[Sequence[Any]]]
"""Title, names of the columns, rows."""
Curves = dict[str, Sequence[tuple[float, float]]]
Plot = tuple[str, Curves, str]
"""Title, curves by name, what stands along the axes."""
POINTS = 200
"""Of a curve that is drawn."""


@dataclass(frozen=True, eq=False)
class Detected:
    """The answers for N pictures and K classes: `found` and `truths` (N,), in the pictures' own
    pixels. ValueError where they do not fit together.
    """

    names: tuple[str, ...]
    classes: int
    found: tuple[Found, ...]
    truths: tuple[Objects, ...]

    masks: ClassVar[bool] = False
    """Whether masks are compared, not boxes."""
    most: ClassVar[int] = 100
    """So many of a picture and class count in average precision, as in COCO."""

    def __post_init__(self) -> None:
        count = len(self.names)
        if not count or len(self.found) != count or len(self.truths) != count:
            raise ValueError(
                f"answers for {len(self.found)} and truths for {len(self.truths)} of {count} "
                "pictures; give one of each per picture, and at least one"
            )

    @cached_property
    def precision(self) -> Precision:
        """Average precision by COCO's rule."""
        return self.precise(self.masks)

    def precise(self, masks: bool) -> Precision:
        """Average precision of boxes, or of masks."""
        words: dict[str, Any] = {"masks": masks, "most": self.most}
        return average_precision(self.found, self.truths, self.classes, **words)

    @cached_property
    def mistakes(self) -> Mistakes:
        """What kind of answer each of them is, at an IoU of 0.5."""
        return mistakes(self.found, self.truths, masks=self.masks)

    @cached_property
    def threshold(self) -> float:
        """The score from which on answers are best, by F1 over all classes."""
        return self.mistakes.curve().best()

    @property
    def held(self) -> float:
        """F1 of each half of the pictures at the threshold of the other half, the mean."""
        scores = []
        for one, other in ((0, 1), (1, 0)):
            threshold = self.mistakes.of(np.arange(one, len(self.names), 2)).curve().best()
            mine = self.mistakes.of(np.arange(other, len(self.names), 2))
            answers = mine.count(threshold, self.classes).sum()
            right = mine.count(threshold, self.classes)[:, 0].sum()
            scores.append(2 * right / max(1, answers + len(mine.surest)))
        return float(np.mean(scores))

    @property
    def score(self) -> str:
        """The scores of record, in words."""
        of = "mask " if self.masks else ""
        return f"{of}mAP@0.5 {self.precision.at_half:.2%}, COCO's mAP {self.precision.mean:.2%}"

    def by_class(self, classes: Sequence[str]) -> dict[str, float]:
        """Average precision at an IoU of 0.5 of each class that is there."""
        each = zip(classes, self.precision.table[0, :, 0].tolist())
        return {name: ap for name, ap in each if not math.isnan(ap)}

    def told(self, classes: Sequence[str]) -> list[str]:
        """A line for each class, and one about the threshold."""
        lines = [f"{name}: AP@0.5 {ap:.2%}" for name, ap in self.by_class(classes).items()]
        held = f"F1 {self.held:.2%} where the other half of the pictures chose it"
        return [*lines, f"objects from a score of {self.threshold:.2f} on: {held}"]

    @cached_property
    def _faults(self) -> NDArray[np.int64]:
        """(N, 2): objects missed and wrong answers, at the threshold."""
        n = len(self.names)
        return np.stack(
            [self.mistakes.missed(self.threshold, n), self.mistakes.wrong(self.threshold, n)], 1
        )

    @property
    def worst(self) -> NDArray[np.int64]:
        """(N,): all pictures, those with most objects missed and wrong answers first."""
        return np.argsort(-self._faults.sum(axis=1), kind="stable")

    def note(self, i: int) -> str:
        """How picture i was answered, in a few words."""
        missed, wrong = self._faults[i].tolist()
        there = int(self.truths[i].counted.sum())
        return f"{there - missed} of {there} found, {wrong} wrong"

    def tables(self, classes: Sequence[str]) -> list[Table]:
        """Scores of each class, kinds of answers, and recall by size."""
        at, made, precision = self.threshold, self.mistakes, self.precision
        kinds = made.count(at, self.classes)
        found = made.surest >= at
        there = np.bincount(made.there_labels, minlength=self.classes)
        hits = np.bincount(made.there_labels[found], minlength=self.classes)
        ap = precision.table[0, :, 0].tolist(), precision.per_class.tolist()
        per_class = [
            (
                *(name, int(there[k]), _share(kinds[k, 0], kinds[k].sum())),
                *(_share(hits[k], there[k]), ap[0][k], ap[1][k]),
            )
            for k, name in enumerate(classes)
        ]
        sizes = []
        for size, (low, high) in list(SIZES.items())[1:]:
            mine = (made.there_areas >= low) & (made.there_areas < high)
            recall = float(found[mine].mean()) if mine.any() else math.nan
            sizes.append((size, int(mine.sum()), recall, precision.of_size(size)))
        return [
            (
                f"Classes, at scores of {at:.2f} and above",
                ("class", "objects", "precision", "recall", "AP at 0.5", "AP 0.5 to 0.95"),
                per_class,
            ),
            (
                f"Answers by kind, at scores of {at:.2f} and above",
                ("class", *KINDS),
                [(name, *map(int, kinds[k])) for k, name in enumerate(classes)],
            ),
            (
                "Objects by size: small below 32 x 32 pixels, large from 96 x 96 on",
                ("size", "objects", "recall", "AP 0.5 to 0.95"),
                sizes,
            ),
        ]

    def plots(self, classes: Sequence[str]) -> list[Plot]:
        """Precision and recall of each threshold, and of each other."""
        curve = self.mistakes.curve()
        at = np.unique(np.linspace(0, len(curve.scores) - 1, POINTS).astype(int))
        if not len(curve.scores):
            return []
        scores, precision, recall, f1 = (
            values[at].tolist()
            for values in (curve.scores, curve.precision, curve.recall, curve.f1)
        )
        by_score: Curves = {
            "precision": list(zip(scores, precision)),
            "recall": list(zip(scores, recall)),
            "F1": list(zip(scores, f1)),
        }
        return [
            ("Precision, recall and F1", by_score, "score"),
            ("Precision", {"all": list(zip(recall, precision))}, "recall"),
        ]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one compressed .npz, whole or not at all; masks as run lengths."""
        arrays: dict[str, Any] = {
            "names": np.array(self.names, np.str_),
            "classes": np.array(self.classes),
        }
        for what, things, fields in (
            ("found", self.found, FOUND),
            ("truths", self.truths, TRUTHS),
        ):
            arrays[f"{what}_count"] = np.array([len(thing.labels) for thing in things])
            for field in fields:
                arrays[f"{what}_{field}"] = np.concatenate([getattr(x, field) for x in things])
            masks = [_masks(thing) for thing in things]
            arrays[f"{what}_sizes"] = np.array([_size(each) for each in masks])
            runs = [mask.counts if mask else () for mask in chain(*(each or () for each in masks))]
            arrays[f"{what}_runs"] = np.array([len(counts) for counts in runs], np.int64)
            arrays[f"{what}_lengths"] = np.array(list(chain(*runs)), np.int64)
        return write_whole(path, lambda file: np.savez_compressed(file, **arrays))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Detected:
        """Read what `save` wrote. No pickle: nothing in the file is run."""
        arrays = arrays_of(path)
        try:
            found = [
                Found(boxes, scores, labels, None if masks is None else _stacked(masks))
                for (boxes, scores, labels), masks in _split(arrays, "found", FOUND)
            ]
            truths = [
                Objects(boxes, labels, masks or (None,) * len(labels), crowd, difficult)
                for (boxes, labels, crowd, difficult), masks in _split(arrays, "truths", TRUTHS)
            ]
            names, classes = arrays["names"].tolist(), int(arrays["classes"])
            return cls(tuple(names), classes, tuple(found), tuple(truths))
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise ValueError(f"{path} is not an outcome that Hubel wrote: {error}") from error


class Instanced(Detected):
    """The same for objects with masks, of which a picture may have hundreds."""

    masks = True
    most = 300


def _share(part: int, whole: int) -> float:
    """NaN of nothing."""
    return float(part / whole) if whole else math.nan


Arrays = dict[str, NDArray[Any]]
Masks = tuple["Mask | None", ...]

FOUND = ("boxes", "scores", "labels")
TRUTHS = ("boxes", "labels", "crowd", "difficult")


def _masks(thing: Found | Objects) -> Masks | None:
    """The masks of a picture's objects as run lengths; None where only boxes were found."""
    if isinstance(thing, Objects):
        return tuple(_run(mask.array()) if mask else None for mask in thing.masks)
    return None if thing.masks is None else tuple(_run(mask) for mask in thing.masks)


def _run(mask: NDArray[np.bool_]) -> Mask:
    return Mask((mask.shape[0], mask.shape[1]), counts=encode(mask))


def _size(masks: Masks | None) -> tuple[int, int]:
    """Of the picture; (0, 0) where no mask says it, (-1, -1) where there are no masks at all."""
    if masks is None:
        return -1, -1
    return next((mask.size for mask in masks if mask), (0, 0))


def _split(
    arrays: Arrays, what: str, fields: Sequence[str]
) -> Iterator[tuple[list[NDArray[Any]], Masks | None]]:
    """The fields and the masks of each picture's objects."""
    ends = np.cumsum(arrays[f"{what}_count"])[:-1]
    each = zip(*(np.split(arrays[f"{what}_{field}"], ends) for field in fields))
    runs = arrays[f"{what}_runs"]
    lengths = np.split(arrays[f"{what}_lengths"], np.cumsum(runs)[:-1])
    for values, (height, width) in zip(each, arrays[f"{what}_sizes"].tolist()):
        values, masks = list(values), None
        if height >= 0:
            count = len(values[0])
            size, mine, lengths = (height, width), lengths[:count], lengths[count:]
            masks = tuple(Mask(size, tuple(run.tolist())) if len(run) else None for run in mine)
        yield values, masks


def _stacked(masks: Masks) -> NDArray[np.bool_]:
    """(n, H, W)."""
    return (
        np.stack([mask.array() for mask in masks if mask]) if masks else np.zeros((0, 1, 1), bool)
    )
