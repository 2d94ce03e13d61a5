"""Pictures that grow over the run: early epochs at a fraction of the cost."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from hubel.data import Batch
from hubel.ops.account import account
from hubel.training.steps import State

Sizes = Sequence[tuple[float, int]]
"""(share of the run, side in pixels): until then pictures have that side, afterwards their own."""


class Sides:
    """An element of the fold: the batch at the side that this share of the run has.

    Progressive resizing: Karras et al. 2017 (arXiv 1710.10196) for generators; Tan, Le 2021 (arXiv
    2104.00298), section 4, for classifiers.
    """

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes

    def __call__(self, state: State, batch: Batch) -> None:
        """Resize the pictures, a function of the step alone."""
        done = state.step / state.total
        side = next((side for until, side in self.sizes if done < until), None)
        if side is not None:
            batch.pictures = resized(batch.pictures, side)


def resized(pictures: Tensor, side: int) -> Tensor:
    """Pictures (N, C, H, W) in 0..255 -> float32, the longer side `side` pixels; bilinear,
    antialiased.
    """
    scale = side / max(pictures.shape[2:])
    shape = [max(1, round(length * scale)) for length in pictures.shape[2:]]
    return F.interpolate(pictures.float(), shape, mode="bilinear", antialias=True)


def work(sizes: Sizes, side: int) -> float:
    """Of the operations of a run at that side throughout, the share that is left."""
    at, total = 0.0, 0.0
    for until, smaller in (*sizes, (1.0, side)):
        total += (until - at) * (smaller / side) ** 2
        at = until
    return total


def check_sides(network: nn.Module, sizes: Sizes, channels: int) -> None:
    """ValueError unless pictures of every side go through the network."""
    for _, side in sizes:
        try:
            account(network, (channels, side, side))
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"sizes: pictures of {side}x{side} do not go through the network ({error}); "
                "growing pictures need one that ends in a global pooling, and larger first sides"
            ) from error
