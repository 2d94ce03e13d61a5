"""Where a picture lies in the frame that a network sees, and moving its pixels, boxes and planes
there, each with one resampling. NumPy and Pillow only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hubel.pictures.preprocess import FILTERS, Preprocess

Rectangle = tuple[int, int, int, int]
"""Top, left, bottom, right in whole pixels."""


@dataclass(frozen=True)
class View:
    """How a picture is seen: first `transposed` (rows become columns), then `mirrored` (left and
    right exchanged) and `flipped` (top and bottom); where `at` is given, `scale` times as large as
    preprocessing makes it and at (down, right) in 0..1 of the room there is.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False
    scale: float = 1.0
    at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Tile:
    """A picture of `size` (height, width), turned as `view` says, that `lies` in a frame (and may
    stick out) and is seen in the rectangle `shown`.
    """

    size: tuple[int, int]
    view: View
    lies: Rectangle
    shown: Rectangle

    @property
    def window(self) -> Rectangle:
        """What is seen of it; without area where it is nothing."""
        top, left = max(self.lies[0], self.shown[0]), max(self.lies[1], self.shown[1])
        bottom, right = min(self.lies[2], self.shown[2]), min(self.lies[3], self.shown[3])
        return top, left, max(top, bottom), max(left, right)

    def boxes(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Boxes (n, 4) in pixels of the picture -> in pixels of the frame, not clipped."""
        h, w = self.size
        x1, y1, x2, y2 = boxes.T
        if self.view.transposed:
            x1, y1, x2, y2, h, w = y1, x1, y2, x2, w, h
        if self.view.mirrored:
            x1, x2 = w - x2, w - x1
        if self.view.flipped:
            y1, y2 = h - y2, h - y1
        top, left, bottom, right = self.lies
        across, down = (right - left) / w, (bottom - top) / h
        placed = [x1 * across + left, y1 * down + top, x2 * across + left, y2 * down + top]
        return np.stack(placed, axis=1)

    def pixels(self, kept: NDArray[np.uint8], filter: str) -> NDArray[np.uint8]:
        """The picture, kept (h, w, C) at 1/k of its size -> its window (height, width, C)."""
        if filter == "nearest":  # Pillow rounds ties in another way
            return self.planes(kept)
        top, left, bottom, right = self._origin(kept.shape[:2])
        y, x = math.floor(top), math.floor(left)
        part = kept[y : math.ceil(bottom), x : math.ceil(right)]
        grey = part.shape[2] == 1
        image = Image.fromarray(part[:, :, 0] if grey else np.ascontiguousarray(part))
        inner = (left - x, top - y, right - x, bottom - y)
        out = np.asarray(image.resize(self._sides[::-1], FILTERS[filter], inner))
        return self._turned(out[:, :, None] if grey else out)

    def planes(self, kept: NDArray[Any]) -> NDArray[Any]:
        """Numbers for each pixel, kept (h, w, P) as the picture is -> those of its window, each
        pixel having that of the nearest.
        """
        top, left, bottom, right = self._origin(kept.shape[:2])
        high, wide = self._sides
        rows = _centres(top, bottom, high).clip(0, kept.shape[0] - 1)
        columns = _centres(left, right, wide).clip(0, kept.shape[1] - 1)
        return self._turned(kept[rows][:, columns])

    @property
    def _sides(self) -> tuple[int, int]:
        """Height and width of the window before it is turned."""
        top, left, bottom, right = self.window
        sides = (bottom - top, right - left)
        return sides[::-1] if self.view.transposed else sides

    def _origin(self, kept: tuple[int, ...]) -> tuple[float, float, float, float]:
        """The window in pixels of the kept picture: top, left, bottom, right."""
        h, w = self.size
        k = max(1, round(h / kept[0]), round(w / kept[1]))
        if self.view.transposed:
            h, w = w, h
        top, left, bottom, right = self.lies
        down, across = h / (bottom - top), w / (right - left)
        y1, y2 = ((y - top) * down for y in self.window[::2])
        x1, x2 = ((x - left) * across for x in self.window[1::2])
        if self.view.flipped:
            y1, y2 = h - y2, h - y1
        if self.view.mirrored:
            x1, x2 = w - x2, w - x1
        if self.view.transposed:
            y1, x1, y2, x2 = x1, y1, x2, y2
        y1, y2 = (min(max(y / k, 0), kept[0]) for y in (y1, y2))
        x1, x2 = (min(max(x / k, 0), kept[1]) for x in (x1, x2))
        return y1, x1, y2, x2

    def _turned(self, array: NDArray[Any]) -> NDArray[Any]:
        if self.view.transposed:
            array = array.swapaxes(0, 1)
        return array[:: -1 if self.view.flipped else 1, :: -1 if self.view.mirrored else 1]


def placed(size: tuple[int, int], preprocess: Preprocess, view: View = View()) -> Tile:
    """A picture of `size` in the frame of `preprocess`: alone, as the view says."""
    pad, (height, width) = preprocess.pad, preprocess.size
    seen = size[::-1] if view.transposed else size
    lies = preprocess.placement(seen)
    top, left, tall, wide = lies.top, lies.left, lies.height, lies.width
    if view.at:
        tall, wide = _scaled(tall, view.scale), _scaled(wide, view.scale)
        top, left = (
            pad + _within(view.at[0], height - tall),
            pad + _within(view.at[1], width - wide),
        )
    return Tile(size, view, (top, left, top + tall, left + wide), framed(preprocess))


def framed(preprocess: Preprocess) -> Rectangle:
    """Where pictures may lie in the frame: all of it but its border."""
    pad, (height, width) = preprocess.pad, preprocess.size
    return pad, pad, pad + height, pad + width


def cornered(
    size: tuple[int, int], preprocess: Preprocess, view: View, shown: Rectangle, corner: int
) -> Tile:
    """A picture that fills the rectangle `shown`, one of four around a point: a window of it where
    it is larger, else at that point. `corner` 0..3: upper left, upper right, lower left, lower
    right.
    """
    alone = preprocess.placement(size[::-1] if view.transposed else size)
    tall, wide = _scaled(alone.height, view.scale), _scaled(alone.width, view.scale)
    down, right = shown[2] - shown[0] - tall, shown[3] - shown[1] - wide
    u, v = view.at or (0.5, 0.5)
    top = shown[0] + (_within(u, down) if down < 0 else down * (corner < 2))
    left = shown[1] + (_within(v, right) if right < 0 else right * (corner % 2 == 0))
    return Tile(size, view, (top, left, top + tall, left + wide), shown)


def _scaled(length: int, scale: float) -> int:
    return max(1, round(length * scale))


def _within(u: float, free: int) -> int:
    """A whole place in 0..free, or in free..0."""
    return math.floor(u * (free + 1)) if free >= 0 else -math.floor(u * (1 - free))


def _centres(start: float, stop: float, count: int) -> NDArray[np.int64]:
    """The pixels in which the middles of `count` equal steps from start to stop lie."""
    return np.floor(start + (np.arange(count) + 0.5) * ((stop - start) / count)).astype(np.int64)
