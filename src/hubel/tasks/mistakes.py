"""Where a detector goes wrong: what kind of mistake each answer is, and what a threshold changes.

Sources: Hoiem et al. 2012, "Diagnosing Error in Object Detectors"; Bolya et al. 2020, TIDE (arXiv
2008.08115), section 2.2, for the kinds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.data.objects import Objects
from hubel.runtime.decode.boxes import areas
from hubel.runtime.decode.found import Found
from hubel.tasks.precision import shared

KINDS = ("right", "class", "place", "duplicate", "background")
"""`right`: overlaps an object of its class that no surer answer took. Else: `duplicate`, the object
is taken; `class`, it overlaps one of another class; `place`, it overlaps one of its class too
little; `background`, none of these.
"""
LEAST, NEAR = 0.5, 0.1
"""IoU from which an answer overlaps an object, and from which it overlaps it too little."""


@dataclass(frozen=True, eq=False)
class Mistakes:
    """The n answers of all pictures and the m objects that are asked for.

    Of the answers: `pictures`, `scores`, `labels` and `kinds` (places in KINDS), (n,) each; those
    that meet a crowd or a difficult object are not among them. Of the objects: `there_pictures`,
    `there_labels`, `there_areas` in pixels, and `surest`, the score of the answer that is right
    about it, -1 where there is none, (m,) each.
    """

    pictures: NDArray[np.int64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    kinds: NDArray[np.int64]
    there_pictures: NDArray[np.int64]
    there_labels: NDArray[np.int64]
    there_areas: NDArray[np.float64]
    surest: NDArray[np.float64]

    def of(self, pictures: NDArray[np.int64]) -> Mistakes:
        """Only those of some pictures."""
        mine, there = np.isin(self.pictures, pictures), np.isin(self.there_pictures, pictures)
        answers = (self.pictures, self.scores, self.labels, self.kinds)
        objects = (self.there_pictures, self.there_labels, self.there_areas, self.surest)
        parts: list[NDArray[Any]] = [x[mine] for x in answers]
        return Mistakes(*parts, *(x[there] for x in objects))

    def curve(self) -> Curve:
        """Precision and recall for every score that an answer has, the highest first."""
        order = np.argsort(-self.scores, kind="stable")
        scores = self.scores[order]
        last = np.append(scores[1:] < scores[:-1], True)[: len(scores)]  # of equal scores
        right = np.cumsum(self.kinds[order] == 0)[last]
        return Curve(scores[last], right, np.flatnonzero(last) + 1, len(self.surest))

    def count(self, threshold: float, classes: int) -> NDArray[np.int64]:
        """(classes, kinds): the answers from this score on."""
        mine = self.scores >= threshold
        k = len(KINDS)
        numbers = self.labels[mine] * k + self.kinds[mine]
        return np.bincount(numbers, minlength=classes * k).reshape(classes, k)

    def missed(self, threshold: float, pictures: int) -> NDArray[np.int64]:
        """(pictures,): objects that no answer from this score on is right about."""
        return np.bincount(self.there_pictures[self.surest < threshold], minlength=pictures)

    def wrong(self, threshold: float, pictures: int) -> NDArray[np.int64]:
        """(pictures,): answers from this score on that are not right."""
        mine = (self.scores >= threshold) & (self.kinds != 0)
        return np.bincount(self.pictures[mine], minlength=pictures)


@dataclass(frozen=True, eq=False)
class Curve:
    """What every threshold gives: `scores` (n,) fall; `right` of `answers` from that score on, for
    `there` objects.
    """

    scores: NDArray[np.float64]
    right: NDArray[np.int64]
    answers: NDArray[np.int64]
    there: int

    @property
    def precision(self) -> NDArray[np.float64]:
        """(n,): right / answers."""
        return self.right / self.answers

    @property
    def recall(self) -> NDArray[np.float64]:
        """(n,): right / objects; NaN where there are none."""
        return self.right / (self.there or math.nan)

    @property
    def f1(self) -> NDArray[np.float64]:
        """(n,): 2 right / (answers + objects)."""
        return 2 * self.right / (self.answers + self.there)

    def best(self) -> float:
        """The score from which on F1 is highest, in the middle of the gap to the next answer; 0.5
        where there is no answer.
        """
        if not len(self.scores):
            return 0.5
        at = int(self.f1.argmax())
        after = self.scores[at + 1] if at + 1 < len(self.scores) else 0.0
        return float(self.scores[at] + after) / 2


def mistakes(found: Sequence[Found], truths: Sequence[Objects], *, masks: bool = False) -> Mistakes:
    """What every answer of N pictures is, in one number, and what was found; by the overlap of
    boxes, or of `masks`.
    """
    each = [_judged(f, t, masks) for f, t in zip(found, truths)]
    answers, there = [], []
    for n, ((kinds, surest), f, t) in enumerate(zip(each, found, truths)):
        told, asked = kinds >= 0, t.counted
        answers.append((np.full(told.sum(), n), f.scores[told], f.labels[told], kinds[told]))
        there.append(
            (np.full(asked.sum(), n), t.labels[asked], areas(t.boxes)[asked], surest[asked])
        )
    return Mistakes(
        *(np.concatenate(parts) for parts in zip(*answers)),
        *(np.concatenate(parts) for parts in zip(*there)),
    )


def _judged(
    found: Found, truth: Objects, masks: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The kind of each answer (n,), -1 for what is not asked for, and `surest` of each object."""
    iou = shared(found, truth, masks).iou(truth.crowd)
    same = found.labels[:, None] == truth.labels[None]
    free, asked = np.ones(len(truth), bool), truth.counted
    kinds, surest = np.empty(len(found), np.int64), np.full(len(truth), -1.0)
    for i in np.argsort(-found.scores, kind="stable"):
        near = np.where(same[i], iou[i], 0)
        able = (near >= LEAST) & free
        able = able & asked if (able & asked).any() else able
        if able.any():
            best = int(np.where(able, near, -1).argmax())
            kinds[i] = 0 if asked[best] else -1
            surest[best] = found.scores[i]
            free[best] = truth.crowd[best]
        elif (near >= LEAST).any():
            kinds[i] = KINDS.index("duplicate")
        elif (iou[i] >= LEAST).any():
            kinds[i] = KINDS.index("class")
        elif (near >= NEAR).any():
            kinds[i] = KINDS.index("place")
        else:
            kinds[i] = KINDS.index("background")
    return kinds, surest
