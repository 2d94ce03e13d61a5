"""Detection: boxes and logits of every cell -> the objects of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.pictures import Preprocess
from hubel.runtime.decode.boxes import areas, suppress
from hubel.runtime.decode.found import Found
from hubel.runtime.decode.tags import sigmoid

OUTPUTS = ("boxes", "objectness", "classes")
"""What a detector's graph gives."""

LEAST = 0.01
"""From this score on an object is listed. A user wants a higher one, average precision needs all
that may be right.
"""
LIMIT = 0.6
"""Of two objects of a class whose boxes have a larger IoU, the surer one is kept."""
MOST = 300
"""Objects of a picture."""


def decode(
    outputs: Sequence[NDArray[Any]],
    preprocess: Preprocess,
    size: tuple[int, ...],
    count: int,
    *,
    least: float = LEAST,
    limit: float = LIMIT,
    most: int = MOST,
) -> Found:
    """What a detector gave for one picture of `size` (height, width) -> the objects in it.

    `outputs` are boxes (A, 4) in pixels of the network's input, objectness logits (A,) and class
    logits (A, `count`) of its A cells. The score of a class is P(object)
    P(class | object). Boxes are brought back into the picture and cut at its border. Raises
    ValueError where a logit is NaN or infinite.
    """
    return kept(outputs, preprocess, size, count, least, limit, most)[0]


def kept(
    outputs: Sequence[NDArray[Any]],
    preprocess: Preprocess,
    size: tuple[int, ...],
    count: int,
    least: float,
    limit: float,
    most: int,
) -> tuple[Found, NDArray[np.int64]]:
    """The objects, and the cell (n,) that each of them comes from."""
    boxes, objectness, classes = outputs[:3]
    scores = sigmoid(objectness)[:, None] * sigmoid(classes)  # (A, K)
    cells, labels = np.nonzero(scores >= least)
    place = preprocess.placement(size)
    found = Found(place.to_picture(boxes[cells].astype(np.float64)), scores[cells, labels], labels)
    seen = np.flatnonzero(areas(found.boxes) > 0)  # not those in the border around the picture
    found = found.take(seen)
    best = suppress(found.boxes, found.scores, found.labels, limit=limit, most=most)
    return found.take(best), cells[seen[best]]
