"""The operations of Pillow's ImageOps and ImageEnhance, of many pictures at once.

Each takes pictures uint8 (N, C, H, W), C = 1 or 3, with a value for each (N,), and gives as many.
Pillow's results are the definition: tests/data/test_policies.py compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Operation = Callable[[Pixels, np.ndarray], Pixels]


def brightness(x: Pixels, factor: np.ndarray) -> Pixels:
    """Black at 0, the picture at 1."""
    return _blend(np.float32(0), x, factor)


def contrast(x: Pixels, factor: np.ndarray) -> Pixels:
    """The picture's mean grey at 0, the picture at 1."""
    mean = np.floor(_grey(x).mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64) + 0.5)
    return _blend(mean.astype(np.float32), x, factor)


def colour(x: Pixels, factor: np.ndarray) -> Pixels:
    """The picture in grey at 0, the picture at 1."""
    return _blend(_grey(x).astype(np.float32), x, factor)


def sharpness(x: Pixels, factor: np.ndarray) -> Pixels:
    """Smoothed at 0 (the middle of 3x3 counts 5, the others 1), the picture at 1."""
    inner = x[:, :, 1:-1, 1:-1].astype(np.int32) * 4
    for down in range(3):
        for right in range(3):
            h, w = x.shape[2:]
            inner += x[:, :, down : h - 2 + down, right : w - 2 + right]
    smooth = x.astype(np.float32)  # the border stays
    smooth[:, :, 1:-1, 1:-1] = (2 * inner + 13) // 26  # to the nearest
    return _blend(smooth, x, factor)


def posterize(x: Pixels, bits: np.ndarray) -> Pixels:
    """Only the highest `bits` (1 to 8) of each value."""
    return x & (0xFF00 >> bits.astype(np.int64)).astype(np.uint8)[:, None, None, None]


def solarize(x: Pixels, threshold: np.ndarray) -> Pixels:
    """Values from the threshold on are turned into their negative."""
    return np.where(x < threshold[:, None, None, None], x, 255 - x)


def autocontrast(x: Pixels, unused: np.ndarray) -> Pixels:
    """Each channel stretched so that it reaches from 0 to 255."""
    low = x.min(axis=(2, 3), keepdims=True).astype(np.float64)
    high = x.max(axis=(2, 3), keepdims=True).astype(np.float64)
    scale = 255 / np.maximum(high - low, 1)
    stretched = np.clip(x * scale - low * scale, 0, 255).astype(np.uint8)
    return np.where(high > low, stretched, x)


def equalize(x: Pixels, unused: np.ndarray) -> Pixels:
    """Each channel mapped so that its values are spread evenly."""
    n, c, h, w = x.shape
    rows = x.reshape(n * c, h * w) + 256 * np.arange(n * c)[:, None]
    counts = np.bincount(rows.ravel(), minlength=256 * n * c).reshape(n * c, 256)
    highest = 255 - (counts[:, ::-1] > 0).argmax(axis=1)
    step = (h * w - counts[np.arange(n * c), highest]) // 255
    before = np.cumsum(counts, axis=1) - counts
    table = (step[:, None] // 2 + before) // np.maximum(step, 1)[:, None]
    table = np.where(step[:, None] > 0, np.minimum(table, 255), np.arange(256))
    return table.astype(np.uint8).ravel()[rows].reshape(x.shape)


def rotate(x: Pixels, degrees: np.ndarray) -> Pixels:
    """Turned counter-clockwise about the centre; black comes in."""
    angle = np.radians(-degrees)
    cos, sin = np.cos(angle).round(15), np.sin(angle).round(15)  # so that 90 degrees are 90
    return _move(x, cos, sin, -sin, cos, centred=True)


def shear_x(x: Pixels, slope: np.ndarray) -> Pixels:
    """Rows moved by `slope` pixels more with every row, from the upper left corner."""
    return _move(x, 1, slope, 0, 1)


def shear_y(x: Pixels, slope: np.ndarray) -> Pixels:
    """Columns moved by `slope` pixels more with every column."""
    return _move(x, 1, 0, slope, 1)


def translate_x(x: Pixels, pixels: np.ndarray) -> Pixels:
    """Moved to the left."""
    return _move(x, 1, 0, 0, 1, right=pixels)


def translate_y(x: Pixels, pixels: np.ndarray) -> Pixels:
    """Moved up."""
    return _move(x, 1, 0, 0, 1, down=pixels)


def _grey(x: Pixels) -> NDArray[Any]:
    """(N, 1, H, W): 0.299 R + 0.587 G + 0.114 B in the whole numbers that Pillow takes."""
    if x.shape[1] == 1:
        return x.astype(np.uint32)
    r, g, b = (x[:, i : i + 1].astype(np.uint32) for i in range(3))
    return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16


def _blend(zero: np.ndarray | np.float32, x: Pixels, factor: np.ndarray) -> Pixels:
    """zero + factor (x - zero), cut off to whole numbers in 0..255."""
    f = factor.astype(np.float32)[:, None, None, None]
    return np.clip(zero + f * (x.astype(np.float32) - zero), 0, 255).astype(np.uint8)


def _move(
    x: Pixels,
    a: np.ndarray | float,
    b: np.ndarray | float,
    d: np.ndarray | float,
    e: np.ndarray | float,
    *,
    right: np.ndarray | float = 0.0,
    down: np.ndarray | float = 0.0,
    centred: bool = False,
) -> Pixels:
    """The nearest pixel at (a X + b Y + right, d X + e Y + down), black where there is none.

    X and Y are places of pixel centres, counted from the upper left corner or from the middle.
    """
    n, _, h, w = x.shape
    a, b, d, e, right, down = (
        np.broadcast_to(np.asarray(value, np.float64), (n,))[:, None, None]
        for value in (a, b, d, e, right, down)
    )
    middle_x, middle_y = (w / 2, h / 2) if centred else (0.0, 0.0)
    columns = (np.arange(w) + 0.5 - middle_x)[None, None, :]
    rows = (np.arange(h) + 0.5 - middle_y)[None, :, None]
    from_x = np.floor(a * columns + b * rows + right + middle_x).astype(np.int64)
    from_y = np.floor(d * columns + e * rows + down + middle_y).astype(np.int64)
    inside = (from_x >= 0) & (from_x < w) & (from_y >= 0) & (from_y < h)
    places = (np.clip(from_y, 0, h - 1) * w + np.clip(from_x, 0, w - 1)).reshape(n, 1, h * w)
    moved = np.take_along_axis(x.reshape(n, -1, h * w), places, axis=2).reshape(x.shape)
    return moved * inside[:, None]
