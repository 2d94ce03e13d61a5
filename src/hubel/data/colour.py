"""Augmentation of brightness and colour; see augment.py for what a step is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hubel.data.limits import check


@dataclass(frozen=True)
class Brightness:
    """All values times a factor in 1 - amount .. 1 + amount."""

    amount: float
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check(self, amount=(0, 1))

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape, float32 in 0..255."""
        return (pictures * _factor(u, self.amount)).clamp(0, 255)


@dataclass(frozen=True)
class Contrast:
    """The distance from the picture's mean grey times a factor in 1 - amount .. 1 + amount."""

    amount: float
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check(self, amount=(0, 1))

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape, float32 in 0..255."""
        grey = torch.from_numpy(means(pictures).mean(axis=1))[:, None, None, None]
        return ((pictures - grey) * _factor(u, self.amount) + grey).clamp(0, 255)


@dataclass(frozen=True)
class Lighting:
    """Colours moved along the principal components of ImageNet's, by normal numbers times `sigma`.

    Krizhevsky, Sutskever and Hinton 2012, section 4.1, where sigma is 0.1. Grey pictures get the
    mean of the three channels' change.
    """

    sigma: float = 0.1
    draws: ClassVar[int] = 4

    def __post_init__(self) -> None:
        check(self, sigma=(0, 1))

    def __call__(self, pictures: Tensor, u: np.ndarray) -> Tensor:
        """Same shape, float32 in 0..255."""
        radius = np.sqrt(-2 * np.log1p(-u[:, [0, 0, 1]]))  # Box and Muller 1958
        turn = 2 * np.pi * u[:, [2, 2, 3]]
        normal = radius * np.stack([np.cos(turn[:, 0]), np.sin(turn[:, 1]), np.cos(turn[:, 2])], 1)
        change = (normal * (self.sigma * 255 * SPREAD)) @ COMPONENTS.T  # (N, 3)
        if pictures.shape[1] == 1:
            change = change.mean(axis=1, keepdims=True)
        added = torch.from_numpy(change.astype(np.float32))[:, :, None, None]
        return (pictures + added).clamp(0, 255)


SPREAD = np.array([0.2175, 0.0188, 0.0045])
"""Square roots of the eigenvalues of the covariance of ImageNet's RGB values in 0..1."""

COMPONENTS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)
"""Its eigenvectors, one per column."""


def means(pictures: Tensor) -> np.ndarray:
    """Each picture's mean colour, float32 (N, C).

    The same whatever the number of threads (workers have one): whole numbers add up exactly, and
    NumPy adds floating point in one thread.
    """
    if pictures.dtype == torch.uint8:
        total = pictures.sum(dim=(2, 3)).numpy()
    else:
        total = pictures.numpy().sum(axis=(2, 3), dtype=np.float64)
    return (total / pictures[0, 0].numel()).astype(np.float32)


def _factor(u: np.ndarray, amount: float) -> Tensor:
    return torch.from_numpy((1 + (2 * u - 1) * amount).astype(np.float32))[:, :, None, None]
