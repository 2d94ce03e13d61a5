"""Instances: every cell of the detector says a small network of its own, which tells for each
point near its box whether it belongs to the object.

Source: Tian, Shen, Chen 2020, CondInst (arXiv 2003.05664), section 3: three layers of 1x1
convolutions over the prototypes and the place. Here the place counts from the box's centre in half
sides of the box, so that shape and size are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.pictures import Preprocess
from hubel.runtime.decode import detect
from hubel.runtime.decode.found import Found

OUTPUTS = (*detect.OUTPUTS, "coefficients", "prototypes")
"""What the graph gives. Of the prototypes (2 + P, h, w) the first two say where each of their cells
stands, x and y in pixels of the input.
"""
WIDTH = 8
"""Channels of a cell's own network."""
REACH = 1.2
"""It is asked within its box, enlarged so much, as boxes may be too small."""
FINEST = 56
"""Points along each side where it is asked; between them its answers are interpolated."""


def shapes(prototypes: int) -> list[tuple[int, int]]:
    """Weights (in, out) and biases (1, out) of a cell's network, in the order of its
    coefficients.
    """
    sides = [prototypes + 2, WIDTH, WIDTH, 1]
    return [shape for n, m in pairwise(sides) for shape in ((n, m), (1, m))]


def layers(coefficients: Any, prototypes: int) -> list[tuple[Any, Any]]:
    """Coefficients (n, k), an array or a tensor -> weights (n, in, out) and biases (n, 1, out) of
    each of the layers.
    """
    parts, start = [], 0
    for n, m in shapes(prototypes):
        end = start + n * m
        parts.append(coefficients[:, start:end].reshape(len(coefficients), n, m))
        start = end
    return list(zip(parts[::2], parts[1::2]))


def decode(
    outputs: Sequence[NDArray[Any]],
    preprocess: Preprocess,
    size: tuple[int, ...],
    count: int,
    *,
    least: float = detect.LEAST,
    limit: float = detect.LIMIT,
    most: int = detect.MOST,
) -> Found:
    """As `detect.decode`, with the masks of the objects found, bool (n, height, width): pixels of
    the picture whose middle belongs to the object. `outputs` have besides boxes and logits the
    coefficients (A, k) of each cell and prototypes (2 + P, h, w). Masks are made for what is kept,
    and within its boxes only.
    """
    found, cells = detect.kept(outputs, preprocess, size, count, least, limit, most)
    boxes, prototypes = outputs[0][cells].astype(np.float64), outputs[4]
    places, features = prototypes[:2], np.moveaxis(prototypes[2:], 0, 2)  # (h, w, P)
    networks = layers(outputs[3][cells], features.shape[2])
    height, width = size[:2]
    masks = np.zeros((len(found), height, width), bool)
    place = preprocess.placement((height, width))
    middles, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    reach = place.to_picture(
        np.concatenate([middles - REACH * halves, middles + REACH * halves], 1)
    )
    windows = np.concatenate([np.floor(reach[:, :2]), np.ceil(reach[:, 2:])], 1)
    edges = place.to_input(windows)
    for i, (left, top, right, bottom) in enumerate(windows.astype(int).tolist()):
        tall, wide = min(bottom - top, FINEST), min(right - left, FINEST)
        x, y = _middles(edges[i, 0], edges[i, 2], wide), _middles(edges[i, 1], edges[i, 3], tall)
        seen = between(features, _cells(places[1, :, 0], y), _cells(places[0, 0], x))
        u, v = (x - middles[i, 0]) / halves[i, 0], (y - middles[i, 1]) / halves[i, 1]
        relative = np.stack(np.meshgrid(u, v), axis=2).astype(seen.dtype)
        answers = np.concatenate([relative, seen], axis=2).reshape(tall * wide, -1)
        for n, (weight, bias) in enumerate(networks):
            answers = (np.maximum(answers, 0) if n else answers) @ weight[i] + bias[i]
        answers = answers.reshape(tall, wide)
        if (tall, wide) != (bottom - top, right - left):
            rows = _middles(-0.5, tall - 0.5, bottom - top)
            answers = between(answers, rows, _middles(-0.5, wide - 0.5, right - left))
        masks[i, top:bottom, left:right] = answers > 0
    return Found(found.boxes, found.scores, found.labels, masks)


def between(
    values: NDArray[np.floating], rows: NDArray[np.floating], columns: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Values (h, w, ...) at places between them, bilinear, those beyond the last as the last:
    (rows, columns, ...).
    """
    for axis, at in enumerate((rows, columns)):
        at = at.clip(0, values.shape[axis] - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        share = (at - low).astype(values.dtype)
        share = share.reshape((-1,) + (1,) * (values.ndim - 1 - axis))
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values


def _middles(start: float, stop: float, count: int) -> NDArray[np.floating]:
    """The middles of `count` equal steps."""
    return start + (np.arange(count) + 0.5) * ((stop - start) / count)


def _cells(stand: NDArray[np.floating], at: NDArray[np.floating]) -> NDArray[np.floating]:
    """Places in pixels -> in cells, which stand at equal distances."""
    step = (stand[-1] - stand[0]) / max(1, len(stand) - 1) or 1.0
    return (at - stand[0]) / step
