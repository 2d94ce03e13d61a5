"""Segmentation: scores for every cell -> the class of every pixel of the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.pictures.preprocess import Preprocess
from hubel.runtime.decode.drawing import draw_map

IGNORED = 255
"""In a map of class numbers: nobody says what is there."""

STRIP = 1 << 21
"""Scores that are held at a time, at the resolution of the picture."""

Taps = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]
"""Of every pixel along one side: the cells before and behind it, and the share of the latter."""


@dataclass(frozen=True, eq=False)
class ClassMap:
    """The class of every pixel: `numbers` uint8 (H, W), places in the classes; IGNORED is none."""

    numbers: NDArray[np.uint8]

    def shares(self, classes: Sequence[str]) -> list[tuple[str, float]]:
        """The classes that are there with their share of the pixels, the largest first."""
        counts = np.bincount(self.numbers.reshape(-1), minlength=len(classes))[: len(classes)]
        order = np.argsort(-counts, kind="stable").tolist()
        total = self.numbers.size
        return [(classes[k], float(counts[k] / total)) for k in order if counts[k]]

    def told(self, classes: Sequence[str]) -> str:
        """The classes with the largest shares."""
        first = [f"{name} {share:.0%}" for name, share in self.shares(classes)]
        more = f" and {len(first) - TOLD} more" if len(first) > TOLD else ""
        return ", ".join(first[:TOLD]) + more or "nothing known"

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """The share of every class that is there."""
        return {"shares": {name: round(share, 6) for name, share in self.shares(classes)}}

    def drawn(self, picture: NDArray[Any], classes: Sequence[str]) -> NDArray[Any]:
        """The classes as colours over their picture (H, W, 3), with the names of those that fill
        enough of it.
        """
        return draw_map(picture, self.numbers, classes)


TOLD = 4


def decode(
    outputs: Sequence[NDArray[np.floating]],
    preprocess: Preprocess,
    size: tuple[int, int],
    classes: int,
) -> ClassMap:
    """[scores (K, h, w)] of one picture of `size` (H, W) -> the classes of its pixels.

    Scores are resized, not classes: bilinearly, and from cells of the picture alone, so that no
    border mixes in. What lies outside of the network's crop has the class of the nearest cell.
    Of equal scores the first class is given. ValueError for more than 255 classes.
    """
    if classes > IGNORED:
        raise ValueError(f"{classes} classes; a map of classes has {IGNORED} at most")
    answer = np.empty(size, np.uint8)
    for rows, scores in strips(outputs[0], preprocess, size):
        best, found = scores[0].copy(), answer[rows]
        found[:] = 0
        for k, score in enumerate(scores[1:], 1):
            np.copyto(found, k, where=score > best)
            np.maximum(best, score, out=best)
    return ClassMap(answer)


def probabilities(
    outputs: Sequence[NDArray[np.floating]], preprocess: Preprocess, size: tuple[int, int]
) -> NDArray[np.float32]:
    """[scores (K, h, w)] of one picture of `size` (H, W) -> float32 (K, H, W), of which each pixel
    has the sum 1: the softmax of the scores that `decode` compares.
    """
    answer = np.empty((len(outputs[0]), *size), np.float32)
    for rows, scores in strips(outputs[0], preprocess, size):
        e = np.exp(scores - scores.max(axis=0))
        answer[:, rows] = e / e.sum(axis=0)
    return answer


def strips(
    scores: NDArray[np.floating], preprocess: Preprocess, size: tuple[int, int]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Scores (K, h, w) that cover the network's input evenly -> rows of the picture, and the
    scores of their pixels (K, rows, W), from the upper to the lower ones.
    """
    if not np.isfinite(scores).all():
        raise ValueError("the network's scores hold NaN or infinity: its weights are broken")
    scores = np.asarray(scores, np.float32)
    place = preprocess.placement(size)
    (height, width), (h, w) = preprocess.input_size, scores.shape[1:]
    above, below, down = taps(size[0], place.top * h / height, place.height * h / height, h)
    left, right, along = taps(size[1], place.left * w / width, place.width * w / width, w)
    step = max(1, STRIP // (len(scores) * size[1]))
    for first in range(0, size[0], step):
        rows = slice(first, min(first + step, size[0]))
        low = above[first]
        part = scores[:, low : below[rows.stop - 1] + 1]
        part = blended(part, left, right, along, axis=2)
        yield rows, blended(part, above[rows] - low, below[rows] - low, down[rows], axis=1)


def taps(length: int, start: float, extent: float, cells: int) -> Taps:
    """Where each of `length` pixels lies among cells, when the pixels cover `extent` cells from
    `start` on; only cells whose centre is covered are used, if there is any.
    """
    at = start + (np.arange(length) + 0.5) * (extent / length) - 0.5
    low = min(max(0, int(np.ceil(start - 0.5))), cells - 1)
    high = max(low, min(cells - 1, int(np.floor(start + extent - 0.5))))
    at = at.clip(low, high)
    before = at.astype(np.intp)
    return before, np.minimum(before + 1, high), (at - before).astype(np.float32)


def blended(
    values: NDArray[np.float32],
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    share: NDArray[np.float32],
    axis: int,
) -> NDArray[np.float32]:
    """values[first] + share * (values[second] - values[first]) along an axis of (K, h, w)."""
    if not share.any():
        return values.take(first, axis)
    share = share[:, None] if axis == 1 else share
    a = values.take(first, axis)
    b = values.take(second, axis)
    b -= a
    b *= share
    b += a
    return b
