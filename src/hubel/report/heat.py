"""Numbers over a picture as colours: heat maps, feature maps, filters, gradients, as RGB arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

COLD_TO_HOT = np.array(
    [(22, 14, 46), (92, 24, 110), (186, 54, 85), (245, 138, 28), (255, 240, 160)], np.float64
)
"""Even steps of lightness, so that it reads the same without colours."""


def hot(values: NDArray[np.floating]) -> Pixels:
    """(..., ) in 0..1 -> RGB (..., 3), dark to bright."""
    place = np.clip(values, 0, 1) * (len(COLD_TO_HOT) - 1)
    low = np.minimum(place.astype(int), len(COLD_TO_HOT) - 2)
    share = (place - low)[..., None]
    mixed = COLD_TO_HOT[low] * (1 - share) + COLD_TO_HOT[low + 1] * share
    return mixed.round().astype(np.uint8)


def over(pixels: Pixels, heat: NDArray[np.floating]) -> Pixels:
    """A picture (H, W, C), greyed, with the heat (H, W) on it: its largest value is the hottest.

    Where nothing is above 0, the grey picture is left.
    """
    grey = pixels.mean(axis=2, keepdims=True).repeat(3, axis=2)
    top = float(heat.max())
    share = np.clip(heat / top, 0, 1) if top > 0 else np.zeros(heat.shape)
    strength = (0.82 * share**0.7)[..., None]
    return (grey * 0.8 * (1 - strength) + hot(share) * strength).round().astype(np.uint8)


def stretched(values: NDArray[np.floating]) -> Pixels:
    """A map (h, w) from its least to its largest value, dark to bright."""
    low, high = float(values.min()), float(values.max())
    return hot((values - low) / (high - low) if high > low else np.zeros_like(values))


def signed(values: NDArray[np.floating], least: float = 0.0) -> Pixels:
    """(h, w, C) around 0 -> grey or RGB (h, w, C) with 0 in the middle and the largest at the end.

    `least` keeps what is almost nothing from being blown up.
    """
    top = max(float(np.abs(values).max()), least) or 1.0
    return np.round(127.5 + 127.5 * values / top).astype(np.uint8)


def kernels(filters: NDArray[np.floating]) -> list[Pixels]:
    """Filters (c_out, c_in, k, k): in colour where they take three channels, else the first input's
    in grey.
    """
    shown = filters if filters.shape[1] == 3 else filters[:, :1]
    return [signed(one.transpose(1, 2, 0)) for one in shown]


def enlarged(pixels: Pixels, side: int) -> Pixels:
    """Each pixel as a square, by the whole factor that brings the longer side nearest to `side`
    from above; a larger picture is shrunk to it.
    """
    longest = max(pixels.shape[:2])
    if longest >= side:
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        image.thumbnail((side, side))
        array = np.asarray(image)
        return array if array.ndim == 3 else array[..., None]
    factor = -(-side // longest)
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def sheet(rows: Sequence[Sequence[Pixels]], gap: int = 6) -> Pixels:
    """Pictures in rows, each at the left of its cell, on white."""
    height = [max(p.shape[0] for p in row) for row in rows]
    width = max(sum(p.shape[1] + gap for p in row) for row in rows) - gap
    page = np.full((sum(height) + gap * (len(rows) - 1), width, 3), 255, np.uint8)
    top = 0
    for row, tall in zip(rows, height):
        left = 0
        for p in row:
            page[top : top + p.shape[0], left : left + p.shape[1]] = p
            left += p.shape[1] + gap
        top += tall + gap
    return page


def framed(pixels: Pixels, box: tuple[int, int, int, int]) -> Pixels:
    """The picture with what lies outside of the box (top, left, bottom, right) darkened."""
    dark = (pixels * 0.3).astype(np.uint8)
    top, left, bottom, right = box
    dark[top:bottom, left:right] = pixels[top:bottom, left:right]
    return dark
