"""Channels in another order, so that groups see each other."""

from __future__ import annotations

from torch import Tensor


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """y[i * groups + g] = x[g * n + i] for n = C / groups channels a group: C as (g, n),
    transposed.

    (N, C, H, W) -> the same shape. Zhang et al. 2017, arXiv 1707.01083, figure 1. Raises ValueError
    where the channels are no multiple of the groups.
    """
    if groups < 1 or x.shape[1] % groups:
        raise ValueError(f"{x.shape[1]} channels cannot be cut into {groups} groups of one size")
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)
