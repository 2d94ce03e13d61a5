"""Objects in pictures: boxes, outlines, masks and classes, whatever file they come from."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hubel.data.objects.mask import Mask
from hubel.data.types import Finding
from hubel.pictures.read import Readable, open_source

OVERHANG = 1.0
"""Pixels by which a box may stick out of its picture: programs round in different ways."""


@dataclass(frozen=True, eq=False)
class Objects:
    """The n objects of a picture.

    `boxes` is float64 (n, 4), x1 y1 x2 y2 in pixels from the outer corner of the first pixel, so
    that the whole picture is (0, 0, W, H). `labels` is int64 (n,), places in the classes. `masks`
    has an entry for each object, None where it has a box only. A `crowd` is a region of several
    objects, a `difficult` one is not asked for: both are bool (n,), neither is trained on, and
    neither is found or missed.
    """

    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    masks: tuple[Mask | None, ...]
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: Sequence[int]) -> Objects:
        """Only these, in this order."""
        at = np.asarray(which, np.int64)
        masks = tuple(self.masks[i] for i in at.tolist())
        return Objects(self.boxes[at], self.labels[at], masks, self.crowd[at], self.difficult[at])

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(n,): those that are trained on and asked for."""
        return ~(self.crowd | self.difficult)


NOTHING = Objects(
    *(np.zeros((0, 4)), np.zeros(0, np.int64), (), np.zeros(0, bool), np.zeros(0, bool))
)


@dataclass(frozen=True)
class Thing:
    """One object as a reader finds it; `box` in the pixels of `Objects`, `label` as text."""

    label: str
    box: tuple[float, float, float, float]
    mask: Mask | None = None
    crowd: bool = False
    difficult: bool = False


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, not decoded yet, of `size` (height, width) in pixels, with its objects."""

    name: str
    size: tuple[int, int]
    picture: Readable = field(repr=False)
    objects: Objects

    def file(self) -> bytes:
        """The picture's file, byte for byte; a PNG of one that is an array."""
        if isinstance(self.picture, np.ndarray):
            Image.fromarray(self.picture).save(made := io.BytesIO(), "PNG")
            return made.getvalue()
        with open_source(self.picture)[0] as file:
            return file.read()


@dataclass
class Scenes:
    """A data set of objects as it lies there: parts by name, as in `Layout`.

    `ids` are the numbers that the file itself gives the classes, where they are not 0, 1, 2, ...
    """

    kind: str
    classes: tuple[str, ...]
    parts: dict[str, list[Scene]]
    findings: list[Finding] = field(default_factory=list)
    ids: tuple[int, ...] = ()


def gathered(
    name: str,
    size: tuple[int, int],
    things: Sequence[Thing],
    classes: Sequence[str],
    findings: list[Finding],
) -> Objects:
    """The objects of a picture; those with a mistake in them become findings and are left out.

    Coordinates are kept to a millionth of a pixel, so that what is written in one format and read
    from another is the same number.
    """
    place = {label: number for number, label in enumerate(classes)}
    good = []
    for number, thing in enumerate(things, 1):
        wrong = _mistake(thing, size, place)
        if wrong:
            kind, message = wrong
            findings.append(Finding(name, kind, f"object {number} ({thing.label}): {message}"))
        else:
            good.append(thing)
    return Objects(
        np.round(np.array([t.box for t in good], np.float64).reshape(-1, 4), 6),
        np.array([place[t.label] for t in good], np.int64),
        tuple(t.mask for t in good),
        np.array([t.crowd for t in good], bool),
        np.array([t.difficult for t in good], bool),
    )


def _mistake(thing: Thing, size: tuple[int, int], place: dict[str, int]) -> tuple[str, str] | None:
    """What is wrong with an object, in a word and a sentence."""
    height, width = size
    x1, y1, x2, y2 = thing.box
    shown = ", ".join(f"{value:g}" for value in thing.box)
    if thing.label not in place:
        return "unknown class", f"the class is not among {', '.join(place)}; left out"
    if not np.isfinite(thing.box).all():
        return "no box", f"its box ({shown}) is not made of numbers; left out"
    if x2 <= x1 or y2 <= y1:
        return "empty box", f"its box ({shown}) has no area; left out"
    if min(x1, y1) < -OVERHANG or x2 > width + OVERHANG or y2 > height + OVERHANG:
        return (
            "box outside",
            f"its box ({shown}) leaves the picture of {width} x {height}; left out",
        )
    if thing.mask is not None and thing.mask.size != size:
        h, w = thing.mask.size
        return "mask size", f"its mask is {w} x {h}, the picture {width} x {height}; left out"
    return None
