"""Augmentation that moves what is in a picture along with it: boxes, masks, class maps.

A step of this kind is `moved`: a view of the picture and its numbers u (draws,) give another view;
all of them together are one resampling. `Mosaic` and `Paste` bring several pictures into one. The
steps that change colours only (colour.py) come afterwards; see augment.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hubel.data.draws import draws
from hubel.data.limits import check, pair
from hubel.data.placing import Rectangle, View


@dataclass(frozen=True)
class Flip:
    """Top and bottom exchanged, in half of the pictures."""

    draws: ClassVar[int] = 1

    def __call__(self, pictures: Tensor, u: NDArray[np.float64]) -> Tensor:
        """Same shape and type."""
        out = pictures.clone()
        for i in np.flatnonzero(u[:, 0] < 0.5).tolist():
            out[i] = pictures[i].flip(1)
        return out

    def moved(self, view: View, u: NDArray[np.float64]) -> View:
        """See this page's first words."""
        return replace(view, flipped=view.flipped != (u[0] < 0.5))


@dataclass(frozen=True)
class Turn:
    """Turned by 0, 90, 180 or 270 degrees."""

    draws: ClassVar[int] = 1

    def __call__(self, pictures: Tensor, u: NDArray[np.float64]) -> Tensor:
        """Same shape and type; the pictures are squares."""
        if pictures.shape[2] != pictures.shape[3]:
            height, width = pictures.shape[2:]
            raise ValueError(f"turn: pictures of {height} x {width}; only squares can be turned")
        quarters = (u[:, 0] * 4).astype(int).tolist()
        return torch.stack([p.rot90(k, (1, 2)) for p, k in zip(pictures, quarters)])

    def moved(self, view: View, u: NDArray[np.float64]) -> View:
        """See this page's first words."""
        quarters = int(u[0] * 4)
        if quarters % 2:  # turning by 90 degrees exchanges rows and columns, then top and bottom
            turned = (not view.transposed, view.flipped, view.mirrored)
            view = replace(view, transposed=turned[0], mirrored=turned[1], flipped=turned[2])
        up, side = quarters in (1, 2), quarters in (2, 3)
        return replace(view, flipped=view.flipped != up, mirrored=view.mirrored != side)


@dataclass(frozen=True)
class Place:
    """Resized by a factor in `scale` (least, most), on a logarithmic scale, and put anywhere: what
    is larger than the frame is seen through it as a window, what is smaller lies within it.
    """

    scale: tuple[float, float]
    draws: ClassVar[int] = 3

    def __post_init__(self) -> None:
        pair(self, "scale", (0.05, 20), rising=True)

    def moved(self, view: View, u: NDArray[np.float64]) -> View:
        """See this page's first words."""
        return replace(view, scale=between(self.scale, u[0]), at=(float(u[1]), float(u[2])))


@dataclass(frozen=True)
class Mosaic:
    """A `share` of the pictures become four: the picture and three others of the data set around a
    point in the middle, each resized by a factor in `scale`.

    Bochkovskiy, Wang and Liao 2020 (YOLOv4, arXiv 2004.10934), section 3.3. Turning steps turn each
    of the four on its own; `Place` is for pictures that stay alone.
    """

    share: float = 0.5
    scale: tuple[float, float] = (0.5, 1.0)
    draws: ClassVar[int] = 18

    def __post_init__(self) -> None:
        check(self, share=(0, 1))
        pair(self, "scale", (0.05, 20), rising=True)

    def four(
        self, frame: Rectangle, u: NDArray[np.float64], i: int, count: int
    ) -> list[tuple[int, Rectangle, float, tuple[float, float]]]:
        """For picture i of `count`: each one's number, rectangle, scale and place; none where it
        stays alone.
        """
        if u[0] >= self.share:
            return []
        top, left, bottom, right = frame
        y = top + round((bottom - top) * (0.25 + 0.5 * u[1]))
        x = left + round((right - left) * (0.25 + 0.5 * u[2]))
        shown = [(top, left, y, x), (top, x, y, right), (y, left, bottom, x), (y, x, bottom, right)]
        numbers = [i, *(int(v * count) for v in u[3:6])]
        scales = [between(self.scale, v) for v in u[6:10]]
        places = [(float(v), float(w)) for v, w in u[10:18].reshape(4, 2)]
        return list(zip(numbers, shown, scales, places))


@dataclass(frozen=True)
class Paste:
    """Into a `share` of the pictures half of another one's objects are copied, at their places
    there: by their masks, or with all of their box where there are none. Of class maps: half of its
    classes.

    Ghiasi et al. 2020 (arXiv 2012.07177); Olsson et al. 2020 (ClassMix, arXiv 2007.07936).
    """

    share: float = 0.5
    draws: ClassVar[int] = 3

    def __post_init__(self) -> None:
        check(self, share=(0, 1))

    def other(self, u: NDArray[np.float64], count: int) -> int | None:
        """The number of the picture that is copied from."""
        return int(u[1] * count) if u[0] < self.share else None

    def chosen(self, u: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
        """Which of so many objects or classes are copied, (count,)."""
        return draws(int(u[2] * 2**53), 0, np.arange(count), 1)[:, 0] < 0.5


def between(scale: tuple[float, float], u: float) -> float:
    """A factor (least, most), evenly on a logarithmic scale."""
    low, high = (math.log(value) for value in scale)
    return math.exp(low + u * (high - low))
