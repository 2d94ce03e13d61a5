"""Necks: the maps of a network's last strides, each told what the others see."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from hubel.blocks import ConvNorm

LEVELS = 3
"""So many strides are used, the last ones; of a network that has fewer, all."""


class Pyramid(nn.Module):
    """P_s = lateral(C_s) + up(P_2s), then N_s = P_s + down(N_s/2): every map the same width.

    `widths` is {stride: channels} of the maps that come in. Source: Lin et al. 2017 (arXiv
    1612.03144), figure 3, and Liu et al. 2018 (arXiv 1803.01534), figure 1 (b). Maps are resized to
    each other's size and not by a factor, since sizes may be odd and padding may be missing.
    """

    def __init__(self, widths: Mapping[int, int], width: int, act: str = "silu"):
        super().__init__()
        self.strides = tuple(sorted(widths))[-LEVELS:]

        def layers(first: int, kernel: int = 3, stride: int = 1) -> nn.ModuleDict:
            return nn.ModuleDict(
                {
                    str(s): ConvNorm(
                        width if kernel > 1 else widths[s], width, kernel, stride, act=act
                    )
                    for s in self.strides[first:]
                }
            )

        self.lateral = layers(0, kernel=1)
        self.down = layers(0)
        self.across = layers(1, stride=2)
        self.out = layers(1)

    def forward(self, features: Mapping[int, Tensor]) -> dict[int, Tensor]:
        """{stride: (N, widths[stride], H, W)} -> {stride: (N, width, H, W)} of the last strides."""
        maps: dict[int, Tensor] = {}
        above = None
        for s in reversed(self.strides):
            y = self.lateral[str(s)](features[s])
            above = maps[s] = self.down[str(s)](y if above is None else y + like(above, y))
        below = maps[self.strides[0]]
        for s in self.strides[1:]:
            y = self.across[str(s)](below)
            below = maps[s] = self.out[str(s)](maps[s] + like(y, maps[s]))
        return {s: maps[s] for s in self.strides}


def like(x: Tensor, other: Tensor) -> Tensor:
    """A map at the height and width of another, by its nearest cells."""
    size = other.shape[2:]
    return x if x.shape[2:] == size else F.interpolate(x, size=tuple(size), mode="nearest")
