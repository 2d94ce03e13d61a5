"""Augmentation that draws its operations: TrivialAugment and RandAugment; see augment.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hubel.data import operations
from hubel.data.limits import check
from hubel.data.operations import Operation, Pixels

Value = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""(strength (N,) in 0..1, sign (N,), side of the pictures) -> the operation's value (N,)."""


def _factor(most: float) -> Value:
    return lambda strength, sign, side: 1 + sign * strength * most


def _either_way(most: float) -> Value:
    return lambda strength, sign, side: sign * strength * most


def _of_side(most: float) -> Value:
    return lambda strength, sign, side: sign * strength * most * side


def _bits(least: int) -> Value:
    return lambda strength, sign, side: 8 - np.round(strength * (8 - least))


def _threshold(strength: np.ndarray, sign: np.ndarray, side: int) -> np.ndarray:
    return 256 * (1 - strength)


def _none(strength: np.ndarray, sign: np.ndarray, side: int) -> np.ndarray:
    return strength


def _space(
    rotate: float, shear: float, move: Value, factor: float, bits: int
) -> tuple[tuple[Operation | None, Value], ...]:
    """The fourteen operations, the first of them none, each with what a strength means to it."""
    return (
        (None, _none),
        (operations.autocontrast, _none),
        (operations.equalize, _none),
        (operations.rotate, _either_way(rotate)),
        (operations.solarize, _threshold),
        (operations.colour, _factor(factor)),
        (operations.posterize, _bits(bits)),
        (operations.contrast, _factor(factor)),
        (operations.brightness, _factor(factor)),
        (operations.sharpness, _factor(factor)),
        (operations.shear_x, _either_way(shear)),
        (operations.shear_y, _either_way(shear)),
        (operations.translate_x, move),
        (operations.translate_y, move),
    )


WIDE = _space(135, 0.99, _either_way(32), 0.99, 2)
"""Müller, Hutter 2021, table 7, the column "TA (Wide)": pixels and degrees either way."""

USUAL = _space(30, 0.3, _of_side(150 / 331), 0.9, 4)
"""Cubuk et al. 2018 (AutoAugment), table 6, which RandAugment took over; 150 of 331 pixels."""


@dataclass(frozen=True)
class TrivialAugment:
    """One of fourteen operations, with any strength: nothing to tune.

    Müller, Hutter 2021, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", arXiv
    2103.10158, algorithm 1 with the wide ranges. What comes in from outside is black.
    """

    draws: ClassVar[int] = 3

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape, uint8."""
        strength = np.floor(u[:, 1] * 31) / 30
        return torch.from_numpy(_applied(_whole(pictures), WIDE, u[:, 0], strength, u[:, 2]))


@dataclass(frozen=True)
class RandAugment:
    """`count` of fourteen operations one after the other, all of one `strength` (0..30).

    Cubuk et al. 2019, "RandAugment: Practical automated data augmentation with a reduced search
    space", arXiv 1909.13719, figure 2. What comes in from outside is black.
    """

    count: int = 2
    strength: float = 9

    def __post_init__(self) -> None:
        check(self, count=(1, 14), strength=(0, 30))

    @property
    def draws(self) -> int:
        """Two per operation."""
        return 2 * self.count

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape, uint8."""
        x = _whole(pictures)
        strength = np.full(len(x), self.strength / 30)
        for i in range(self.count):
            x = _applied(x, USUAL, u[:, 2 * i], strength, u[:, 2 * i + 1])
        return torch.from_numpy(x)


def _whole(pictures: Tensor) -> Pixels:
    if pictures.dtype != torch.uint8:
        pictures = pictures.round().clamp(0, 255).byte()
    return pictures.numpy()


def _applied(
    x: Pixels,
    space: tuple[tuple[Operation | None, Value], ...],
    which: np.ndarray,
    strength: np.ndarray,
    side: np.ndarray,
) -> Pixels:
    """Each picture through the operation that its number `which` (N,) in [0, 1) names."""
    out = x.copy()
    chosen = (which * len(space)).astype(np.int64)
    sign = np.where(side < 0.5, -1.0, 1.0)
    for number, (operation, value) in enumerate(space):
        at = np.flatnonzero(chosen == number)
        if operation is not None and len(at):
            out[at] = operation(x[at], value(strength[at], sign[at], max(x.shape[2:])))
    return out
