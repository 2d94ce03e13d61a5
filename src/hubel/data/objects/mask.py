"""The mask of one object: an outline or run lengths, in the forms that COCO files have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hubel.runtime.decode.masks import box_of

FINER = 8
"""An outline is filled on a grid so much finer; a pixel belongs to it by at least half."""


@dataclass(frozen=True, eq=False)
class Mask:
    """Which pixels of a picture of `size` (H, W) belong to an object.

    `counts`: run lengths down the columns, off and on in turns, beginning with off. Or `outline`:
    polygons, float64 (points, 2) as x, y in pixels. One of them is given, and kept as it is.
    """

    size: tuple[int, int]
    counts: tuple[int, ...] = ()
    outline: tuple[NDArray[np.float64], ...] = ()

    def array(self) -> NDArray[np.bool_]:
        """(H, W)."""
        height, width = self.size
        if self.outline:
            return _filled(self.outline, self.size)
        ends = np.cumsum(self.counts)
        flat = np.zeros(height * width, bool)
        for start, end in zip(ends[0::2], ends[1::2]):
            flat[start:end] = True
        return flat.reshape(width, height).T

    def box(self) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 around it, as in `Objects`; all 0 for an empty mask."""
        if self.outline:
            points = np.concatenate(self.outline)
            (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
            return float(x1), float(y1), float(x2), float(y2)
        return box_of(self.array())


def _filled(outline: Sequence[NDArray[np.float64]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels that the polygons cover by at least half, (H, W)."""
    height, width = size
    points = np.concatenate(outline)
    x0, y0 = np.clip(np.floor(points.min(axis=0)).astype(int), 0, (width, height))
    x1, y1 = np.clip(np.ceil(points.max(axis=0)).astype(int), 0, (width, height))
    mask = np.zeros(size, bool)
    h, w = y1 - y0, x1 - x0
    if h <= 0 or w <= 0:
        return mask
    canvas = Image.new("1", (w * FINER, h * FINER))
    pen = ImageDraw.Draw(canvas)
    for polygon in outline:
        # Pillow's coordinates name the middles of pixels, ours their corners.
        inner = (polygon - (x0, y0)) * FINER - 0.5
        pen.polygon([tuple(point) for point in inner.tolist()], fill=1)
    fine = np.asarray(canvas).reshape(h, FINER, w, FINER)
    mask[y0:y1, x0:x1] = fine.mean(axis=(1, 3)) >= 0.5
    return mask
