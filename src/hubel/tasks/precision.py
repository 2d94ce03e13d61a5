"""Average precision of found objects by COCO's rule, for boxes and for masks.

Source: Lin et al. 2014 (arXiv 1405.0312), section 4 of its evaluation page: precision is averaged
over 101 recalls, 10 IoU thresholds from 0.5 to 0.95, and classes; a crowd may be found any number
of times and counts as nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hubel.data.objects.types import Objects
from hubel.runtime.decode.boxes import areas, overlaps
from hubel.runtime.decode.found import Found
from hubel.runtime.decode.masks import box_of

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
SIZES = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""Areas in pixels, of the mask where there is one."""


@dataclass(frozen=True, eq=False)
class Precision:
    """Average precision: `table` is (10 thresholds, classes, sizes), NaN where a class has no
    object of that size; `recall` of the same shape is the highest recall reached.
    """

    table: NDArray[np.float64]
    recall: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """mAP@[0.5:0.95], COCO's score, 0..1; NaN without any object."""
        return _mean(self.table[:, :, 0])

    @property
    def at_half(self) -> float:
        """mAP@0.5."""
        return _mean(self.table[0, :, 0])

    @property
    def per_class(self) -> NDArray[np.float64]:
        """(classes,): AP@[0.5:0.95] of each."""
        return np.array([_mean(self.table[:, k, 0]) for k in range(self.table.shape[1])])

    def of_size(self, size: str) -> float:
        """mAP@[0.5:0.95] of small, medium or large objects."""
        return _mean(self.table[:, :, list(SIZES).index(size)])


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def average_precision(
    found: Sequence[Found],
    truths: Sequence[Objects],
    classes: int,
    *,
    masks: bool = False,
    most: int = 100,
) -> Precision:
    """The precision of what was found in N pictures against what is there.

    `masks`: judged by the IoU of masks instead of boxes. `most`: so many of a picture and class
    count, the surest. ValueError where the two do not belong together.
    """
    if len(found) != len(truths):
        raise ValueError(f"answers for {len(found)} pictures and truths for {len(truths)}")
    shape = (len(THRESHOLDS), classes, len(SIZES))
    table, recall = np.full(shape, np.nan), np.full(shape, np.nan)
    for k in range(classes):
        pictures = [_Picture.of(f, t, k, masks=masks, most=most) for f, t in zip(found, truths)]
        for s, bounds in enumerate(SIZES.values()):
            table[:, k, s], recall[:, k, s] = _curve(pictures, bounds)
    return Precision(table, recall)


@dataclass(frozen=True, eq=False)
class _Picture:
    """One class in one picture: the surest first, and the overlaps (found, there)."""

    scores: NDArray[np.floating]
    found_areas: NDArray[np.floating]
    there_areas: NDArray[np.floating]
    ignored: NDArray[np.bool_]
    crowd: NDArray[np.bool_]
    ious: NDArray[np.floating]

    @classmethod
    def of(cls, found: Found, truth: Objects, k: int, *, masks: bool, most: int) -> _Picture:
        mine = np.flatnonzero(found.labels == k)
        mine = mine[np.argsort(-found.scores[mine], kind="stable")][:most]
        there = truth.take(np.flatnonzero(truth.labels == k).tolist())
        both = shared(found.take(mine), there, masks)
        # COCO takes the area of an object from its mask, boxes or not.
        sizes = [box if m is None else m.array().sum() for box, m in zip(both.there, there.masks)]
        ignored, ious = there.crowd | there.difficult, both.iou(there.crowd)
        return cls(
            *(found.scores[mine], both.found, np.array(sizes, float)),
            *(ignored, there.crowd, ious),
        )


class Shared(NamedTuple):
    """The area that n found objects and m that are there share, `both` (n, m), and their own:
    `found` (n,) and `there` (m,).
    """

    both: NDArray[np.floating]
    found: NDArray[np.floating]
    there: NDArray[np.floating]

    def iou(self, crowd: NDArray[np.bool_]) -> NDArray[np.floating]:
        """(n, m) in 0..1; of a crowd (m,), the share of what was found that lies in it."""
        union = self.found[:, None] + np.where(crowd, 0, self.there - self.both)
        return np.divide(self.both, union, out=np.zeros_like(self.both), where=union > 0)


def shared(found: Found, there: Objects, masks: bool) -> Shared:
    """Of boxes, or of masks in pixels; ValueError where an object lacks the mask asked for."""
    if not masks:
        boxes = found.boxes.astype(np.float64)
        return Shared(overlaps(boxes, there.boxes), areas(boxes), areas(there.boxes))
    if found.masks is None:
        raise ValueError("masks are asked for, but only boxes were found")
    shapes = [mask.array() for mask in there.masks if mask is not None]
    if len(shapes) < len(there):
        raise ValueError("masks are asked for, but an object there has a box only")
    return _of_masks(found.masks, shapes)


def _of_masks(found: NDArray[np.bool_], there: Sequence[NDArray[np.bool_]]) -> Shared:
    """Counted only where their boxes meet."""
    boxes = [np.array([box_of(mask) for mask in masks]).reshape(-1, 4) for masks in (found, there)]
    both = np.zeros((len(found), len(there)))
    for i, j in zip(*np.nonzero(overlaps(*boxes))):
        x1, y1 = np.maximum(boxes[0][i, :2], boxes[1][j, :2]).astype(int)
        x2, y2 = np.minimum(boxes[0][i, 2:], boxes[1][j, 2:]).astype(int)
        both[i, j] = (found[i, y1:y2, x1:x2] & there[j][y1:y2, x1:x2]).sum()
    own, others = (np.array([mask.sum() for mask in masks], float) for masks in (found, there))
    return Shared(both, own, others)


def _curve(
    pictures: Sequence[_Picture], bounds: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(10,) average precision and highest recall, of objects with an area within the bounds."""
    scores, hits, passed, there = [], [], [], 0
    for picture in pictures:
        outside = (picture.there_areas < bounds[0]) | (picture.there_areas > bounds[1])
        ignored = picture.ignored | outside
        hit, at = _matched(picture, ignored)
        alien = (picture.found_areas < bounds[0]) | (picture.found_areas > bounds[1])
        scores.append(picture.scores)
        hits.append(hit)
        # What meets an ignored object, or meets none and is of another size, is neither right
        # nor wrong.
        passed.append(np.where(hit, ignored[at] if len(ignored) else False, alien[None]))
        there += int((~ignored).sum())
    if there == 0:
        return np.full(len(THRESHOLDS), np.nan), np.full(len(THRESHOLDS), np.nan)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit = np.concatenate(hits, axis=1)[:, order]
    counts = ~np.concatenate(passed, axis=1)[:, order]
    right = np.cumsum(hit & counts, axis=1, dtype=float)
    wrong = np.cumsum(~hit & counts, axis=1, dtype=float)
    precision, recall = [], []
    for r, w in zip(right, wrong):
        recalls = r / there
        # The best precision at this recall or a higher one.
        best = np.maximum.accumulate((r / np.maximum(r + w, np.spacing(1)))[::-1])[::-1]
        at = np.searchsorted(recalls, RECALLS, side="left")
        precision.append(np.append(best, 0.0)[np.minimum(at, len(best))].mean())
        recall.append(recalls[-1] if len(recalls) else 0.0)
    return np.array(precision), np.array(recall)


def _matched(
    picture: _Picture, ignored: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(10, n) twice: whether each found object meets one that is there, and which.

    The surest chooses first: the object that it overlaps most among those still free, one that is
    asked for before one that is ignored; a crowd is always free.
    """
    n, m = picture.ious.shape
    hit, at = np.zeros((len(THRESHOLDS), n), bool), np.zeros((len(THRESHOLDS), n), np.int64)
    if not m:
        return hit, at
    free = np.ones((len(THRESHOLDS), m), bool)
    rows = np.arange(len(THRESHOLDS))
    least = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
    for i in range(n):
        able = (free | picture.crowd) & (picture.ious[i] >= least)
        asked = able & ~ignored
        able = np.where(asked.any(axis=1, keepdims=True), asked, able)
        iou = np.where(able, picture.ious[i], -1.0)
        best = m - 1 - iou[:, ::-1].argmax(axis=1)  # the last of equal ones, as COCO does
        hit[:, i], at[:, i] = able.any(axis=1), best
        free[rows[hit[:, i]], best[hit[:, i]]] = False
    return hit, at
