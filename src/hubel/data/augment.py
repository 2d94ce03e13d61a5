"""Augmentation: each step turns pictures into others of the same content, by numbers it is given.

A step is a small frozen value. It says how many uniform numbers it `draws` per picture, and is
called with pictures (N, C, H, W), uint8 or floating point in 0..255, and these numbers
u (N, draws), float64 in [0, 1). It has no randomness of its own, so what comes out is a function
of (seed, epoch, index) alone. The whole batch is done at once. Where boxes, masks or class maps
belong to the pictures, steps that say how these are moved take their place: moving.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from hubel.data.colour import Brightness, Contrast, Lighting
from hubel.data.draws import draws
from hubel.data.geometry import Affine, Crop, Cut, Elastic, Erase, Mirror, Shift
from hubel.data.moving import Flip, Mosaic, Paste, Place, Turn
from hubel.data.policies import RandAugment, TrivialAugment
from hubel.runtime.names import unknown


class Drawing(Protocol):
    """Whatever a recipe may have for augmentation: a `Step`, or for scenes one of moving.py."""

    @property
    def draws(self) -> int:
        """Uniform numbers per picture."""


class Step(Drawing, Protocol):
    """One way to change pictures."""

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Pictures (N, C, H, W) and u (N, draws) -> pictures."""


STEPS: dict[str, Any] = {
    step.__name__.lower(): step
    for step in (
        *(Mirror, Flip, Turn, Cut, Shift, Affine, Elastic, Crop, Erase, Place, Mosaic, Paste),
        *(Brightness, Contrast, Lighting, TrivialAugment, RandAugment),
    )
}
"""The steps by the names they have in a recipe.yaml."""


def apply(
    steps: Sequence[Step], pictures: Any, seed: int, epoch: int, indices: np.ndarray
) -> Tensor:
    """Pictures (N, C, H, W) of the given indices (N,) -> what this epoch makes of them.

    Where `Crop` is the first step, they may be a list of uint8 (h, w, C) of any shapes. ValueError
    for steps that need to know what lies where in the pictures.
    """
    for step, u in zip(steps, numbers(steps, seed, epoch, indices)):
        if not callable(step):
            name = type(step).__name__.lower()
            rule = "it is for pictures with boxes, masks or class maps; use affine or crop here"
            raise ValueError(f"augmentation {name}: {rule}")
        pictures = step(pictures, u)
    return pictures


def numbers(steps: Sequence[Step], seed: int, epoch: int, indices: np.ndarray) -> list[np.ndarray]:
    """What each step is given for the indices (N,): (N, step.draws).

    A step that says `alternate` gets the numbers of epoch 0 in even epochs, 1 minus them in odd
    ones.
    """
    u = draws(seed, epoch, indices, sum(step.draws for step in steps))
    found, at = [], 0
    for step in steps:
        own = u[:, at : at + step.draws]
        if getattr(step, "alternate", False):
            first = draws(seed, 0, indices, at + step.draws)[:, at:]
            own = 1 - first if epoch % 2 else first
        found.append(own)
        at += step.draws
    return found


def to_dict(steps: Iterable[Drawing]) -> list[dict[str, Any]]:
    """Steps -> what stands in a recipe.yaml: [{name: shift, pixels: 4}, ...]."""
    plain = []
    for step in steps:
        values = dataclasses.asdict(step)  # type: ignore[call-overload]
        words = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        plain.append({"name": type(step).__name__.lower(), **words})
    return plain


def from_dict(plain: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The inverse of `to_dict`; ValueError for unknown names and impossible values."""
    return tuple(_step(dict(words)) for words in plain)


def _step(words: dict[str, Any]) -> Step:
    name = words.pop("name", None)
    if name not in STEPS:
        raise unknown("augmentation", name, STEPS)
    fields = {field.name: field for field in dataclasses.fields(STEPS[name])}
    for word in words:
        if word not in fields:
            raise unknown(f"word of {name}", word, fields)
    for word, field in fields.items():
        if field.default is dataclasses.MISSING and word not in words:
            raise ValueError(f"augmentation {name}: {word} is missing")
    return STEPS[name](**words)
