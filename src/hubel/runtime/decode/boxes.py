"""Boxes: how much they overlap, and which of many are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating]
"""(n, 4): x1, y1, x2, y2 in pixels, from the outer corner of the first pixel."""


def areas(boxes: Boxes) -> NDArray[np.floating]:
    """(n, 4) -> (n,); 0 where a box is turned inside out."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def overlaps(first: Boxes, second: Boxes) -> NDArray[np.floating]:
    """(n, 4), (m, 4) -> (n, m): the area that both cover."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return sides[..., 0] * sides[..., 1]


def iou(first: Boxes, second: Boxes) -> NDArray[np.floating]:
    """Intersection over union: (n, 4), (m, 4) -> (n, m) in 0..1; 0 for two empty boxes."""
    both = overlaps(first, second)
    union = areas(first)[:, None] + areas(second)[None] - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def suppress(
    boxes: Boxes,
    scores: NDArray[np.floating],
    labels: NDArray[np.integer] | None = None,
    *,
    limit: float = 0.6,
    least: float = 0.0,
    most: int = 300,
) -> NDArray[np.int64]:
    """Non-maximum suppression: which boxes are kept, the surest first, `most` at most.

    Drop those that score below `least`; keep the best, remove those of its class that overlap it by
    an IoU above `limit`, and repeat. Of equal scores the first counts as better. `labels` None: all
    are of one class.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= least]
    boxes = np.ascontiguousarray(boxes[order], np.float64)
    if labels is not None and len(order):
        # Classes moved apart, far beyond each other, cannot overlap: one pass for all of them.
        reach = float(np.abs(boxes).max()) * 2 + 1
        boxes = boxes + (labels[order] * reach)[:, None]
    # IoU > t needs an overlap in x of more than t times the wider box, hence centres so near: from
    # left to right, only the neighbours of a box have to be looked at.
    size, middle = areas(boxes), boxes[:, 0] + boxes[:, 2]
    across = np.argsort(middle, kind="stable")
    x1, y1, x2, y2 = np.ascontiguousarray(boxes[across].T)
    size, middle = size[across], middle[across] / 2
    near = (x2 - x1) * max(1 - limit, (1 - limit) / (2 * limit + 1e-9)) * (1 + 1e-6) + 1e-6
    first = np.searchsorted(middle, middle - near, "left").tolist()
    last = np.searchsorted(middle, middle + near, "right").tolist()
    left = np.ones(len(order), bool)
    kept: list[int] = []
    for best, i in enumerate(np.argsort(across, kind="stable").tolist()):
        if len(kept) == most:
            break
        if not left[i]:
            continue
        kept.append(best)
        at = slice(first[i], last[i])
        wide = np.minimum(x2[at], x2[i]) - np.maximum(x1[at], x1[i])
        tall = np.minimum(y2[at], y2[i]) - np.maximum(y1[at], y1[i])
        both = np.maximum(wide, 0) * np.maximum(tall, 0)
        # both / union > limit, without dividing by an empty union
        left[at] &= both <= limit * (size[at] + size[i] - both)
    return order[kept]
