"""Augmentation by moving pixels; see augment.py for what a step is."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hubel.data.colour import means
from hubel.data.limits import check, check_fill, pair
from hubel.data.placing import View

Fill = float | str
"""What comes in from outside: a value in 0..255, or "mean", each picture's own mean colour."""


_LARGE = 30_000  # values of a picture


@dataclass(frozen=True)
class Mirror:
    """Left and right exchanged, in half of the pictures.

    With `alternate` each picture takes turns: exchanged in every second epoch, half of the pictures
    beginning with it. Source: Jordan 2024 (arXiv 2404.00498), section 3.6.
    """

    alternate: bool = False
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not isinstance(self.alternate, bool):
            raise ValueError(f"mirror: alternate={self.alternate!r}; it is true or false")

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape and type."""
        out = pictures.clone()
        if pictures[0].numel() > _LARGE:  # then one by one is three times as fast
            for i in np.flatnonzero(u[:, 0] < 0.5).tolist():
                out[i] = pictures[i].flip(2)
        else:
            which = torch.from_numpy(np.flatnonzero(u[:, 0] < 0.5))
            out[which] = pictures[which].flip(3)
        return out

    def moved(self, view: View, u: np.ndarray) -> View:
        """See moving.py."""
        return replace(view, mirrored=view.mirrored != (u[0] < 0.5))


@dataclass(frozen=True)
class Cut:
    """A window of `size` (height, width) at any place, pixel by pixel (AlexNet: 224 from 256)."""

    size: tuple[int, int]
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        pair(self, "size", (1, 100_000))

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """(N, C, *size), same type."""
        room = [have - want for have, want in zip(pictures.shape[2:], self.size)]
        if min(room) < 0:
            raise ValueError(
                f"cut={self.size} from pictures of {tuple(pictures.shape[2:])}; it must fit in"
            )
        top, left = (
            torch.from_numpy((u[:, axis] * (extra + 1)).astype(np.int64))
            for axis, extra in enumerate(room)
        )
        windows = pictures.unfold(2, self.size[0], 1).unfold(3, self.size[1], 1)
        return windows[torch.arange(len(pictures)), :, top, left]


@dataclass(frozen=True)
class Shift:
    """Moved by up to `pixels` whole pixels each way: the same as padding and cutting at random.

    With fill="reflect" the picture's own reflection comes in.
    """

    pixels: int
    fill: Fill = 0
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check(self, pixels=(0, 10_000))
        if self.fill != "reflect":
            check_fill(self)

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape and type."""
        n, c, h, w = pictures.shape
        p = self.pixels
        if self.fill == "reflect":
            rows, columns = _reflected(h, p), _reflected(w, p)
            return Cut((h, w))(pictures[:, :, rows][..., columns], u)
        outer = _fill(self.fill, pictures).to(pictures.dtype)
        padded = outer.expand(n, c, h + 2 * p, w + 2 * p).clone()
        padded[:, :, p : p + h, p : p + w] = pictures
        return Cut((h, w))(padded, u)


@dataclass(frozen=True)
class Affine:
    """Turned, scaled, squeezed, sheared and moved at once, with one bilinear resampling.

    `rotate` and `shear` (horizontal) in degrees either way; `scale` and `squeeze` (wider and lower
    or the reverse) as factors up to 1 + value either way; `shift` as a share of the sides. The
    planar distortions of LeCun et al. 1998, section III.A, and rotation.
    """

    rotate: float = 0.0
    scale: float = 0.0
    squeeze: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    fill: Fill = 0
    draws: ClassVar[int] = 6

    def __post_init__(self) -> None:
        check(self, rotate=(0, 180), scale=(0, 10), squeeze=(0, 10), shear=(0, 80), shift=(0, 1))
        check_fill(self)

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape, float32."""
        h, w = pictures.shape[2:]
        v = 2 * u.T - 1  # (draws, N) in -1..1
        angle, slope = np.radians(v[0] * self.rotate), np.tan(np.radians(v[3] * self.shear))
        size, squeeze = (1 + self.scale) ** v[1], (1 + self.squeeze) ** v[2]
        # From a place in the new picture to its origin: the inverse of
        # rotate . shear . diag(size * squeeze, size / squeeze), about the centre, in pixels.
        cos, sin = np.cos(angle), np.sin(angle)
        x = np.stack([cos + slope * sin, sin - slope * cos]) / (size * squeeze)
        y = np.stack([-sin, cos]) / (size / squeeze)
        columns, rows = _centred(w), _centred(h)
        dx, dy = _column(v[4] * self.shift * w), _column(v[5] * self.shift * h)
        columns, rows = columns[None, None, :] - dx, rows[None, :, None] - dy
        from_x = columns * _column(x[0]) + rows * _column(x[1])
        from_y = columns * _column(y[0]) + rows * _column(y[1])
        return _sample(pictures, from_x, from_y, self.fill)


@dataclass(frozen=True)
class Elastic:
    """Bent like rubber: a grid of `cells` x `cells` knots moves by up to `pixels` each, smoothly.

    After Simard, Steinkraus and Platt 2003, whose noise is smoothed by a Gaussian instead.
    """

    pixels: float
    cells: int = 6
    fill: Fill = 0

    def __post_init__(self) -> None:
        check(self, pixels=(0, 1000), cells=(2, 32))
        check_fill(self)

    @property
    def draws(self) -> int:
        """Two per knot."""
        return 2 * self.cells**2

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape, float32."""
        h, w = pictures.shape[2:]
        knots = ((2 * u - 1) * self.pixels).reshape(-1, 2, self.cells, self.cells)
        moved = _cubic(self.cells, h) @ knots @ _cubic(self.cells, w).T  # (N, 2, h, w)
        moved = torch.from_numpy(moved.astype(np.float32))
        from_x, from_y = _centred(w)[None, None, :] + moved[:, 0], moved[:, 1]
        return _sample(pictures, from_x, _centred(h)[None, :, None] + from_y, self.fill)


@dataclass(frozen=True)
class Crop:
    """A window of random area and shape, resampled to `size` (height, width).

    `area` is its share of the picture, `aspect` the range of its width / height (on a logarithmic
    scale), as in Szegedy et al. 2014, section 6. From single pictures (a list of uint8 (h, w, C),
    of any shapes) it is cut in whole pixels and resized bilinearly and antialiased. From a tensor
    it is sampled bilinearly; where the picture is much larger than `size`, several samples make a
    pixel.
    """

    size: tuple[int, int]
    area: tuple[float, float] = (0.35, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)
    draws: ClassVar[int] = 4

    def __post_init__(self) -> None:
        pair(self, "size", (1, 100_000))
        pair(self, "area", (1e-6, 1), rising=True)
        pair(self, "aspect", (1e-3, 1e3), rising=True)

    def __call__(self, pictures: Tensor | list[np.ndarray], u: np.ndarray) -> Tensor:
        """(N, C, *size): float32, from single pictures uint8 and channels-last."""
        if isinstance(pictures, list):
            return self._resized(pictures, u)
        h, w = pictures.shape[2:]
        tall, wide = self._window(h, w, u)
        fine = max(1, round(math.sqrt(self.area[1]) * min(h / self.size[0], w / self.size[1])))
        height, width = self.size[0] * fine, self.size[1] * fine
        middle_x, middle_y = (u[:, 2] - 0.5) * (w - wide), (u[:, 3] - 0.5) * (h - tall)
        from_x = _centred(width)[None, None, :] * _column(wide / width) + _column(middle_x)
        from_y = _centred(height)[None, :, None] * _column(tall / height) + _column(middle_y)
        from_x, from_y = torch.broadcast_tensors(from_x, from_y)
        out = _sample(pictures, from_x, from_y, None)
        return F.avg_pool2d(out, fine) if fine > 1 else out

    def _window(self, h: Any, w: Any, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Height and width (N,) in pictures (h, w)."""
        share = self.area[0] + u[:, 0] * (self.area[1] - self.area[0])
        low, high = np.log(self.aspect)
        shape = np.exp(low + u[:, 1] * (high - low))
        wide = np.minimum(np.sqrt(share * h * w * shape), w)
        return np.minimum(np.sqrt(share * h * w / shape), h), wide

    def _resized(self, pictures: list[np.ndarray], u: np.ndarray) -> Tensor:
        h, w, channels = np.array([picture.shape for picture in pictures]).T
        tall, wide = (np.maximum(np.rint(side), 1).astype(int) for side in self._window(h, w, u))
        left, top = (u[:, 2] * (w - wide + 1)).astype(int), (u[:, 3] * (h - tall + 1)).astype(int)
        shape = (len(pictures), int(channels[0]), *self.size)
        out = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
        for i, (picture, x, y) in enumerate(zip(pictures, left, top)):
            window = torch.from_numpy(np.array(picture[y : y + tall[i], x : x + wide[i]]))
            window = window.permute(2, 0, 1)[None]
            out[i] = F.interpolate(window, self.size, mode="bilinear", antialias=True)[0]
        return out


@dataclass(frozen=True)
class Erase:
    """A square of `side` pixels, anywhere, filled (cutout: DeVries and Taylor 2017)."""

    side: int
    fill: Fill = "mean"
    draws: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check(self, side=(1, 10_000))
        check_fill(self)

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape and type."""
        inside = []
        for axis, length in enumerate(pictures.shape[2:]):
            start = np.floor(u[:, axis] * length) - self.side // 2  # cut off at the border
            place = np.arange(length) - start[:, None]
            inside.append(torch.from_numpy((place >= 0) & (place < self.side)))
        mask = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return torch.where(mask, _fill(self.fill, pictures).to(pictures.dtype), pictures)


def _reflected(length: int, pad: int) -> Tensor:
    """Places in 0..length-1 of a line that goes on as its reflection, int64 (length + 2 pad,)."""
    if pad >= length:
        raise ValueError(f"shift={pad} of {length} pixels with fill='reflect'; it must be less")
    return length - 1 - (torch.arange(-pad, length + pad).abs() - (length - 1)).abs()


def _fill(fill: Fill, pictures: Tensor) -> Tensor:
    """(1 or N, 1 or C, 1, 1), float32."""
    if fill == "mean":
        return torch.from_numpy(means(pictures))[:, :, None, None]
    return torch.full((1, 1, 1, 1), float(fill))


def _sample(pictures: Tensor, from_x: Tensor, from_y: Tensor, fill: Fill | None) -> Tensor:
    """Bilinear samples at pixel places (N, H', W') that are counted from the centre."""
    h, w = pictures.shape[2:]
    grid = torch.stack([from_x * (2 / w), from_y * (2 / h)], dim=3)  # -1..1 are the borders
    pictures = pictures.float()
    if fill is None:
        return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    outer = _fill(fill, pictures)
    return F.grid_sample(pictures - outer, grid, align_corners=False) + outer


@functools.cache
def _cubic(knots: int, length: int) -> np.ndarray:
    """What each knot counts at each pixel under cubic interpolation (length, knots)."""
    one_by_one = torch.eye(knots, dtype=torch.float64)[None, None]
    shape = (length, knots)
    return F.interpolate(one_by_one, shape, mode="bicubic", align_corners=True)[0, 0].numpy()


def _centred(length: int) -> Tensor:
    """Places of pixel centres, counted from the middle: (length,)."""
    return torch.arange(length, dtype=torch.float32) - (length - 1) / 2


def _column(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))[:, None, None]
