"""What a network sees with what is in it: the pixels of a frame, the boxes and labels of objects,
and for every pixel whose it is or of which class. NumPy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hubel.data.legends import IGNORED
from hubel.data.objects.types import Objects
from hubel.data.placing import Tile

KEPT = 0.3
"""An object of which less is seen is left out."""

LEAST = 2.0
"""Pixels; an object with a side shorter than this is left out."""


@dataclass(eq=False)
class Frame:
    """`pixels` uint8 (H, W, C). Objects: `boxes` float64 (n, 4) in its pixels and `labels` int64
    (n,). `planes` (H, W, P): uint16, where a pixel has k + 1 it belongs to object k, in as many
    planes as objects overlap; of class maps uint8, one plane of class numbers; None without either.
    `ignored` (m, 4) are boxes in which nobody says what is there.
    """

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    planes: NDArray[np.uint8] | NDArray[np.uint16] | None = None
    ignored: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))

    @property
    def of_classes(self) -> bool:
        """Whether the planes are a class map."""
        return self.planes is not None and self.planes.dtype == np.uint8

    def lay(
        self,
        tile: Tile,
        pixels: NDArray[np.uint8],
        planes: NDArray[np.uint8] | NDArray[np.uint16] | None,
        objects: Objects,
        ignored: NDArray[np.float64],
    ) -> None:
        """Add the window of a tile: its pixels, and from the whole picture planes, objects and
        boxes to ignore.
        """
        top, left, bottom, right = tile.window
        self.pixels[top:bottom, left:right] = pixels
        before = len(self.labels)
        if self.planes is not None and planes is not None:
            moved = tile.planes(planes)
            if before and not self.of_classes:
                moved = np.where(moved, moved + np.uint16(before), np.uint16(0))
            self.planes[top:bottom, left:right, : moved.shape[2]] = moved
        boxes, regions = tile.boxes(objects.boxes), tile.boxes(ignored)
        seen, unknown = (b.clip((left, top) * 2, (right, bottom) * 2) for b in (boxes, regions))
        self._join(seen, objects.labels, _areas(seen) < KEPT * _areas(boxes))
        self.ignored = np.concatenate([self.ignored, unknown[_areas(unknown) > 0]])

    def paste(self, other: Frame, chosen: NDArray[np.bool_]) -> None:
        """Copy objects of another frame over this one, or classes of a map: `chosen` (n,) of its
        objects, or (256,) of its classes.

        By their masks; objects without masks come with all of their box. What is hidden by them so
        far that little is left is left out.
        """
        if self.of_classes and other.planes is not None:
            covered = chosen[other.planes[..., 0]] & (other.planes[..., 0] != IGNORED)
            self.planes[covered] = other.planes[covered]  # type: ignore[index]
            self.pixels[covered] = other.pixels[covered]
            return
        before = len(self.labels)
        whole = self._visible()
        if self.planes is not None and other.planes is not None:
            number = np.zeros(len(chosen) + 1, np.uint16)
            number[1:][chosen] = before + 1 + np.flatnonzero(chosen)
            theirs = number[other.planes].max(axis=2)
            covered = theirs > 0
            self.planes[covered] = 0
            self.planes[covered, 0] = theirs[covered]
            left = self._visible()
        else:
            covered = np.zeros(self.pixels.shape[:2], bool)
            for x1, y1, x2, y2 in np.rint(other.boxes[chosen]).astype(int).tolist():
                covered[y1:y2, x1:x2] = True
            left = self._visible(covered)
        self.pixels[covered] = other.pixels[covered]
        self.boxes[left < KEPT * whole] = 0
        self._join(other.boxes, other.labels, ~chosen)

    def _visible(self, covered: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Pixels of each object (n,): of its mask, or of its box where nothing covers it."""
        n = len(self.labels)
        if self.planes is not None:
            return np.bincount(self.planes.reshape(-1), minlength=n + 1)[1 : n + 1].astype(float)
        if covered is None:
            covered = np.zeros(self.pixels.shape[:2], bool)
        rounded = np.rint(self.boxes).astype(int).tolist()
        return np.array([(~covered[y1:y2, x1:x2]).sum() for x1, y1, x2, y2 in rounded], float)

    def _join(
        self, boxes: NDArray[np.float64], labels: NDArray[np.int64], gone: NDArray[np.bool_]
    ) -> None:
        """Add objects; those that are gone keep their numbers and get no box."""
        self.boxes = np.concatenate([self.boxes, np.where(gone[:, None], 0, boxes)])
        self.labels = np.concatenate([self.labels, labels])

    def objects(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Boxes (n, 4), around their masks where there are masks; labels (n,); and the places (n,)
        of those that are large enough, counted as the planes do.
        """
        boxes = self.boxes
        if self.planes is not None and not self.of_classes:
            boxes = np.array([self._around(k) for k in range(len(boxes))]).reshape(-1, 4)
        sides = boxes[:, 2:] - boxes[:, :2]
        places = np.flatnonzero((sides >= LEAST).all(axis=1))
        return boxes[places], self.labels[places], places

    def _around(self, k: int) -> tuple[float, float, float, float]:
        top, left, mask = self.mask(k)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return 0.0, 0.0, 0.0, 0.0
        y1, y2, x1, x2 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        return float(left + x1), float(top + y1), float(left + x2), float(top + y2)

    def mask(self, k: int) -> tuple[int, int, NDArray[np.bool_]]:
        """The pixels of object k, with top and left of the part of the frame that they are in."""
        height, width = self.pixels.shape[:2]
        x1, y1, x2, y2 = self.boxes[k].tolist()
        margin = 1 if x2 > x1 else 0
        top, left = max(0, int(y1) - margin), max(0, int(x1) - margin)
        bottom = min(height, math.ceil(y2) + margin)
        right = min(width, math.ceil(x2) + margin)
        inside = self.planes[top:bottom, left:right]  # type: ignore[index]
        return top, left, (inside == k + 1).any(axis=2)


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
