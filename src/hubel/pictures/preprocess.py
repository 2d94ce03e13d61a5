"""The exact way from a file to the pixels a network sees, as one value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from hubel.pictures.read import MAX_PIXELS, PictureError, Readable, read_picture

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Pillow's filters; all but nearest are antialiased: they widen as the picture shrinks."""


@dataclass(frozen=True)
class Placement:
    """Where a picture of `size` (height, width) lies in a network's input: scaled to height x
    width, its corner at (top, left), outside of the input where it is cut.
    """

    size: tuple[int, int]
    top: int
    left: int
    height: int
    width: int

    @property
    def scale(self) -> np.ndarray:
        """(4,): pixels of the input for each of the picture, in the order of a box."""
        x, y = self.width / self.size[1], self.height / self.size[0]
        return np.array([x, y, x, y])

    @property
    def offset(self) -> np.ndarray:
        """(4,): the corner of the picture in the input, in the order of a box."""
        return np.array([self.left, self.top, self.left, self.top], float)

    def to_input(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) x1 y1 x2 y2 in pixels of the picture -> in those of the input."""
        return boxes * self.scale + self.offset

    def to_picture(self, boxes: np.ndarray) -> np.ndarray:
        """The inverse, within the picture."""
        height, width = self.size
        return ((boxes - self.offset) / self.scale).clip(0, [width, height, width, height])


def resize(picture: np.ndarray, size: tuple[int, int], filter: str = "bilinear") -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) -> the same at size (height, width), by a filter of FILTERS."""
    if picture.shape[:2] == size:
        return picture
    height, width = size
    return np.array(Image.fromarray(picture).resize((width, height), FILTERS[filter]))


@dataclass(frozen=True)
class Preprocess:
    """The way from a file to a tensor: one value in training, prediction, export and service.

    `size` (height, width) is reached by `fit`: "crop" scales the picture until it covers size /
    crop and cuts `size` from its centre; "squash" scales both sides on their own; "pad" scales the
    picture until it fits and fills the rest with `fill`. Then `pad` pixels of `fill` are added on
    every side. `channels=1` makes grey of colours first (ITU-R 601: 0.299 R + 0.587 G + 0.114 B).
    `mean` and `std` belong to values in 0..1, one per channel, and are applied by the network's
    side: `(pixels / 255 - mean) / std`. `background` is the grey behind transparent pixels.
    """

    size: tuple[int, int]
    fit: Literal["crop", "squash", "pad"] = "crop"
    crop: float = 1.0
    filter: str = "bilinear"
    pad: int = 0
    fill: int = 0
    channels: Literal[1, 3] = 3
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    background: int = 255

    def __post_init__(self) -> None:
        choices: list[tuple[str, Any, tuple[Any, ...]]] = [
            ("fit", self.fit, ("crop", "squash", "pad")),
            ("filter", self.filter, tuple(FILTERS)),
            ("channels", self.channels, (1, 3)),
        ]
        for name, value, known in choices:
            if value not in known:
                raise ValueError(f"{name}={value!r}; it is one of {', '.join(map(str, known))}")
        for name, default in (("mean", 0.0), ("std", 1.0)):  # by default pixels / 255
            values = tuple(_number(name, value) for value in _sequence(name, getattr(self, name)))
            object.__setattr__(self, name, values or (default,) * self.channels)
        object.__setattr__(self, "size", tuple(_sequence("size", self.size)))
        whole = [("pad", self.pad, 0, 10_000), ("fill", self.fill, 0, 255)]
        whole += [("background", self.background, 0, 255)]
        whole += [("size", side, 1, 100_000) for side in self.size]
        for name, value, low, high in whole:
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"{name}={value!r}; a whole number in {low}..{high} is needed")
        if len(self.size) != 2:
            raise ValueError(f"size={self.size}; it is (height, width)")
        if not 0 < _number("crop", self.crop) <= 1:
            raise ValueError(f"crop={self.crop!r}; it is the share that is kept, in 0..1")
        for name in ("mean", "std"):
            if len(getattr(self, name)) != self.channels:
                many = f"{self.channels} channel(s) need as many values"
                raise ValueError(f"{name}={getattr(self, name)}; {many}")
        if not all(value > 0 for value in self.std):
            raise ValueError(f"std={self.std}; every value must be above 0")

    @property
    def input_size(self) -> tuple[int, int]:
        """What the network sees, (height, width): `size` and `pad` on every side."""
        return self.size[0] + 2 * self.pad, self.size[1] + 2 * self.pad

    def canvas(self, size: tuple[int, int]) -> Preprocess:
        """The same way to a larger picture, uncropped, from which augmentation cuts its own."""
        return dataclasses.replace(self, size=size, crop=1.0, pad=0)

    def whole(self, least: int) -> Whole:
        """The way to pictures of their own shape, from which augmentation cuts its own."""
        return Whole(least, self.channels, self.background)

    def __call__(self, source: Readable) -> np.ndarray:
        """Anything `read_picture` reads -> uint8 (*input_size, 3); grey: three equal channels."""
        return self.prepared(read_picture(source, background=self.background))

    def prepared(self, picture: np.ndarray) -> np.ndarray:
        """The same of what `read_picture` gave, uint8 (h, w, 3)."""
        if self.channels == 1:
            picture = _grey(picture)
        picture = self.fitted(picture)
        return picture if self.channels == 3 else np.repeat(picture[:, :, None], 3, axis=2)

    def fitted(self, picture: np.ndarray, filter: str = "", fill: int | None = None) -> np.ndarray:
        """uint8 (h, w) or (h, w, 3) -> the same at the input's size; a map of class numbers with
        filter="nearest" and the number that fills it.
        """
        place, fill = self.placement(picture.shape[:2]), self.fill if fill is None else fill
        picture = resize(picture, (place.height, place.width), filter or self.filter)
        p, (height, width) = self.pad, self.size
        top, left = place.top - p, place.left - p
        picture = picture[max(0, -top) :, max(0, -left) :][:height, :width]
        top, left = max(0, top), max(0, left)
        h, w = picture.shape[:2]
        bottom, right = height - h - top, width - w - left
        return _border(picture[None], top + p, bottom + p, left + p, right + p, fill)[0]

    def placement(self, size: tuple[int, ...]) -> Placement:
        """Where a picture of this (height, width) comes to lie in the network's input."""
        (height, width), (h, w) = self.size, size[:2]
        if self.fit == "squash":
            return Placement((h, w), self.pad, self.pad, height, width)
        # One side gets its length exactly: the one that needs the larger (crop) or the smaller
        # (pad) factor.
        if self.fit == "crop":
            tall, wide = round(height / self.crop), round(width / self.crop)
            by_height = tall * w >= wide * h
        else:
            tall, wide = self.size
            by_height = tall * w <= wide * h
        if by_height:
            wide = max(1, tall * w // h)
        else:
            tall = max(1, wide * h // w)
        if tall * wide > MAX_PIXELS:
            message = (
                f"is {w} x {h}, too narrow to cut {width} x {height} from; use fit=squash or pad"
            )
            raise PictureError("picture", "too narrow", message)
        if self.fit == "pad":
            top, left = (height - tall) // 2, (width - wide) // 2
        else:
            top, left = -round((tall - height) / 2), -round((wide - width) / 2)
        return Placement((h, w), top + self.pad, left + self.pad, tall, wide)

    def keeps(self, size: tuple[int, ...]) -> bool:
        """Whether pictures of this (height, width) go through pixel by pixel, up to the border."""
        return size == self.size and (self.fit != "crop" or self.crop == 1)

    def bordered(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (N, H, W, ...) with `pad` pixels of `fill` around each."""
        return _border(pictures, self.pad, self.pad, self.pad, self.pad, self.fill)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, texts and lists, for JSON and YAML."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, words: Mapping[str, Any]) -> Preprocess:
        """The value that `to_dict` wrote. ValueError for unknown words and impossible values."""
        known = [field.name for field in dataclasses.fields(cls)]
        for word in words:
            if word not in known:
                raise ValueError(f"unknown word {word!r} in preprocess; known: {', '.join(known)}")
        if "size" not in words:
            raise ValueError("preprocess has no size; it is [height, width]")
        return cls(**words)


@dataclass(frozen=True)
class Whole:
    """The way from a file to all of its picture, at no more pixels than training crops need.

    Upright, at 1/1, 1/2, 1/4 or 1/8 of its size, as small as leaves both sides at least `least`
    pixels: `read_picture` says how. `channels` and `background` are those of `Preprocess`.
    """

    least: int
    channels: Literal[1, 3] = 3
    background: int = 255

    def __call__(self, source: Readable) -> np.ndarray:
        """Anything `read_picture` reads -> uint8 (H, W, channels)."""
        picture = read_picture(source, background=self.background, least=self.least)
        return picture if self.channels == 3 else _grey(picture)[:, :, None]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return dataclasses.asdict(self)


def _grey(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> (H, W), by ITU-R 601."""
    return np.array(Image.fromarray(picture).convert("L"))


def _border(
    pictures: np.ndarray, top: int, bottom: int, left: int, right: int, fill: int
) -> np.ndarray:
    if not (top or bottom or left or right):
        return pictures
    sides = [(0, 0), (top, bottom), (left, right), (0, 0)][: pictures.ndim]
    return np.pad(pictures, sides, constant_values=fill)


def _sequence(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        raise ValueError(f"{name}={value!r}; a list of numbers is needed")
    return tuple(value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name}={value!r}; a number is needed")
    return float(value)
