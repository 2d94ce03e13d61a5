"""The sliding window: what a classifier says of every window, at several scales -> objects.

Source: Sermanet et al. 2013, OverFeat (arXiv 1312.6229), section 4, without its regression
of boxes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.runtime.decode.boxes import suppress
from hubel.runtime.decode.classify import softmax
from hubel.runtime.decode.found import Found


def decode(
    maps: Sequence[NDArray[Any]],
    scales: Sequence[float],
    window: tuple[int, int],
    step: int,
    *,
    border: int = 0,
    nothing: Collection[int] = (),
    least: float = 0.9,
    limit: float = 0.3,
    most: int = 300,
) -> Found:
    """Logits (K, rows, columns) of a picture at each of its `scales` -> its objects.

    A window is (height, width) pixels of the scaled picture, the next one `step` further; without
    the `border` that its network was trained with it is the object's box. A window is for the class
    that is most probable in it, and counts from `least` on, unless the class is among `nothing`.
    Boxes are in the pixels of the unscaled picture; of those that overlap by an IoU above `limit`
    the surest is kept, whatever its class.
    """
    height, width = window
    inner = np.array([border, border, width - border, height - border], float)
    boxes, scores, labels = [], [], []
    for logits, scale in zip(maps, scales):
        probabilities = softmax(logits.transpose(1, 2, 0))  # (rows, columns, K)
        best = probabilities.argmax(axis=-1)
        sure = probabilities.max(axis=-1)
        rows, columns = np.nonzero((sure >= least) & ~np.isin(best, list(nothing)))
        corner = np.stack([columns, rows, columns, rows], axis=1) * step
        boxes.append((corner + inner) / scale)
        scores.append(sure[rows, columns])
        labels.append(best[rows, columns])
    found = Found(*(np.concatenate(parts) for parts in (boxes, scores, labels)))
    kept = suppress(found.boxes, found.scores, limit=limit, most=most)
    return found.take(kept)
