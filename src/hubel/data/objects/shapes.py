"""Generated scenes: discs, squares, triangles, stars and rings over textured ground, with their
boxes, masks and classes. What every task with objects can be tried on without any file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from hubel.data.objects.mask import Mask
from hubel.data.objects.types import Scene, Scenes, Thing, gathered
from hubel.runtime.decode.masks import box_of, encode

KIND = "generated shapes"
CLASSES = ("disc", "ring", "square", "star", "triangle")
NAMES = {"shapes": 7, "shape": 1}
"""The names of such data -> how many shapes a scene has at most."""
TRAIN, VAL = 400, 100
SIDE = 128
FINER = 4  # drawn so much finer, then averaged: smooth edges
VISIBLE = 0.4
"""No shape hides another so far that less than this share of it is seen."""


@lru_cache(maxsize=1)
def read_shapes(
    train: int = TRAIN, val: int = VAL, side: int = SIDE, seed: int = 0, most: int = 7
) -> Scenes:
    """Scenes of `side` pixels and up to `most` shapes, each a function of the seed and its number
    alone.
    """
    parts = {}
    for offset, (part, count) in enumerate((("train", train), ("val", val))):
        parts[part] = [
            _scene(f"{part}/{i:04}.png", (seed, offset, i), side, most) for i in range(count)
        ]
    return Scenes(KIND, CLASSES, parts)


def _scene(name: str, seed: Sequence[int], side: int, most: int) -> Scene:
    draws = np.random.default_rng(seed)
    picture = _ground(draws, side)
    shapes: list[tuple[str, float, NDArray[np.float64]]] = []  # class, whole area, what is seen
    for _ in range(int(draws.integers(1, most + 1))):
        label = CLASSES[int(draws.integers(len(CLASSES)))]
        cover = _cover(label, draws, side)  # (side, side), 0..1
        left = [(kept, area, seen * (1 - cover)) for kept, area, seen in shapes]
        if any(seen.sum() < VISIBLE * area for _, area, seen in left):
            continue
        shapes = [*left, (label, float(cover.sum()), cover)]
        colour = _colour(draws, picture[cover > 0.5].mean(axis=0))
        grain = draws.normal(0, 6, picture.shape)
        picture += cover[..., None] * (colour + grain - picture)
    things = []
    for label, _, seen in shapes:
        pixels = seen > 0.5
        mask = Mask((side, side), counts=encode(pixels))
        things.append(Thing(label, box_of(pixels), mask))
    array = picture.round().clip(0, 255).astype(np.uint8)
    return Scene(name, (side, side), array, gathered(name, (side, side), things, CLASSES, []))


def _ground(draws: np.random.Generator, side: int) -> NDArray[np.float64]:
    """Soft blotches of two colours under fine grain, (side, side, 3) in 0..255."""
    coarse = draws.random((int(draws.integers(3, 9)),) * 2).astype(np.float32)
    blotches = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    share = np.asarray(blotches, np.float64)[..., None]
    first, second = draws.uniform(30, 225, (2, 3))
    return first + share * (second - first) * 0.6 + draws.normal(0, 8, (side, side, 3))


def _colour(draws: np.random.Generator, ground: NDArray[np.float64]) -> NDArray[np.float64]:
    """A colour that can be told from the ground."""
    while True:
        colour = draws.uniform(0, 255, 3)
        if np.abs(colour - ground).max() > 70:
            return colour


def _cover(label: str, draws: np.random.Generator, side: int) -> NDArray[np.float64]:
    """Which share of each pixel a shape covers, (side, side)."""
    radius = side * FINER * draws.uniform(0.07, 0.22)
    x, y = draws.uniform(radius, side * FINER - radius, 2)
    turn = draws.uniform(0, 2 * math.pi)
    canvas = Image.new("L", (side * FINER, side * FINER))
    pen = ImageDraw.Draw(canvas)
    if label in ("disc", "ring"):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        if label == "ring":
            hole = radius * 0.55
            pen.ellipse((x - hole, y - hole, x + hole, y + hole), fill=0)
    else:
        corners = {"triangle": 3, "square": 4, "star": 10}[label]
        angles = turn + 2 * math.pi * np.arange(corners) / corners
        reach = np.full(corners, radius)
        if label == "star":
            reach[1::2] *= 0.45
        pen.polygon(
            [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(reach, angles)], 255
        )
    return np.asarray(canvas.reduce(FINER), np.float64) / 255
