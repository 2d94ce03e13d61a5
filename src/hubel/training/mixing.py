"""Mixing: pictures of two classes in one, as an element of the fold before the gradients.

Each picture's partner is the next one of its batch, whose order is drawn anew in every epoch; how
they are mixed is a function of (seed, step, index of the picture), by the hash that augmentation
uses too. So nothing is carried from step to step, and nothing depends on workers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from hubel.data import Batch
from hubel.data.draws import draws
from hubel.tasks.losses import shares
from hubel.training.steps import State

STREAM = 2**40
"""No epoch has this number: a stream of draws apart from those of augmentation."""

DRAWS = 4

Way = Callable[[np.ndarray, int, int], np.ndarray]
"""(u (N, DRAWS) in [0, 1), height, width) -> how much of each pixel a picture keeps: (N, 1, 1), or
(N, H, W).
"""


def mixup(
    u: np.ndarray, height: int, width: int, *, alpha: float = 0.2, share: float = 1.0
) -> np.ndarray:
    """lambda x + (1 - lambda) x', lambda ~ Beta(alpha, alpha), in that `share` of the pictures.

    Source: Zhang et al. 2017 (arXiv 1710.09412), equation 1; with a lambda for each picture, and
    never below 1/2: exchanging the two changes no pair, and no picture is twice in a batch.
    """
    _check("mixup", alpha=alpha, share=share)
    kept = np.where(u[:, 1] < share, 1 - beta(u[:, 0] / 2, alpha), 1.0)
    return kept[:, None, None]


def cutmix(
    u: np.ndarray, height: int, width: int, *, alpha: float = 1.0, share: float = 0.5
) -> np.ndarray:
    """A box of the partner in that `share` of the pictures: sides sqrt(1 - lambda) of the
    picture's, lambda ~ Beta(alpha, alpha), its centre anywhere, cut off at the border.

    Source: Yun et al. 2019 (arXiv 1905.04899), equation 2 and algorithm A1; with a box for each
    picture.
    """
    _check("cutmix", alpha=alpha, share=share)
    side = np.where(u[:, 1] < share, np.sqrt(1 - beta(u[:, 0], alpha)), 0.0)
    inside = []
    for draw, length in ((u[:, 2], height), (u[:, 3], width)):
        half = np.floor(side * length) / 2
        place, middle = np.arange(length), np.floor(draw * length)
        inside.append((place >= (middle - half)[:, None]) & (place < (middle + half)[:, None]))
    return 1.0 - (inside[0][:, :, None] & inside[1][:, None, :])


def either(
    u: np.ndarray,
    height: int,
    width: int,
    *,
    mixup: float = 0.8,
    cutmix: float = 1.0,
    share: float = 1.0,
    cut: float = 0.5,
) -> np.ndarray:
    """Of that `share` of the pictures, `cut` are cut (alpha `cutmix`) and the others blended
    (alpha `mixup`): the practice of the networks since DeiT (Touvron et al. 2020, table 9).
    """
    _check("either", mixup=mixup, cutmix=cutmix, share=share, cut=cut)
    blended = _blend(u, height, width, alpha=mixup, share=share)
    boxed = _cut(u, height, width, alpha=cutmix, share=share * cut)
    return np.where((u[:, 1] < share * cut)[:, None, None], boxed, blended)


_blend, _cut = mixup, cutmix  # `either` has words of the same names

MIXES: dict[str, Callable[..., np.ndarray]] = {"mixup": mixup, "cutmix": cutmix, "either": either}


@dataclass(frozen=True)
class Mix:
    """x_i <- m_i x_i + (1 - m_i) x_(i+1), with the classes in the same proportion."""

    way: Way
    classes: int
    seed: int

    def __call__(self, state: State, batch: Batch) -> None:
        """Mix the batch where the model is."""
        device = next(state.model.parameters()).device
        batch.pictures = batch.pictures.to(device, non_blocking=True)
        self.mix(batch, state.step)

    def mix(self, batch: Batch, step: int) -> None:
        """Pictures become float32, targets distributions (N, classes)."""
        pictures, targets = batch.pictures, shares(batch.targets, self.classes)
        u = draws(self.seed, STREAM + step, batch.indices.numpy(), DRAWS)
        kept = torch.from_numpy(self.way(u, *pictures.shape[2:]).astype(np.float32))
        mask = kept[:, None].to(pictures.device, non_blocking=True)  # (N, 1, H or 1, W or 1)
        batch.pictures = torch.lerp(pictures.float().roll(-1, 0), pictures.float(), mask)
        part = kept.mean(dim=(1, 2))[:, None].to(targets.device)
        batch.targets = part * targets + (1 - part) * targets.roll(-1, 0)


def beta(u: np.ndarray, alpha: float) -> np.ndarray:
    """Numbers of Beta(alpha, alpha) from uniform ones: the inverse of its distribution function."""
    table, places = _distribution(alpha)
    low = np.interp(np.minimum(u, 1 - u), table, places)
    return np.where(u < 0.5, low, 1 - low)


@functools.cache
def _distribution(alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """F(x), which is 1/2 at the end, and its places x in 0..1/2.

    They are even in t = x^p, p = min(alpha, 1): the density of t, x^(alpha - p) (1 - x)^(alpha - 1)
    times a constant, is finite for any alpha.
    """
    p = min(alpha, 1.0)
    x = np.linspace(0, 0.5**p, 4097) ** (1 / p)
    slope = x ** (alpha - p) * (1 - x) ** (alpha - 1)
    sums = np.concatenate([[0.0], np.cumsum((slope[1:] + slope[:-1]) / 2)])
    return sums / (2 * sums[-1]), x


def _check(name: str, **values: float) -> None:
    for word, value in values.items():
        of_beta = word in ("alpha", "mixup", "cutmix")
        if not (0 < value <= 100 if of_beta else 0 <= value <= 1):
            rule = "a parameter of the beta distribution, in 0..100" if of_beta else "a share"
            raise ValueError(f"{name}: {word}={value}; it is {rule}, such as 1.0")
