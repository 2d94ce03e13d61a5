"""The detector: any network, a pyramid of its last strides, and a head without anchors on each."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from hubel.blocks import Conv2d, ConvNorm
from hubel.networks import Network
from hubel.tasks.necks import Pyramid

RARE = 0.01
"""How probable an object is in a cell before anything is learned: Lin et al. 2017 (arXiv
1708.02002), section 3.3.
"""
SIDE = 5.0
"""The side of a box before anything is learned, in strides."""
LARGEST = 6.0
"""A side is at most e^6 times that."""

Outputs = tuple[Tensor, Tensor, Tensor]
"""Boxes (N, A, 4) in pixels of the input, logits of objectness (N, A) and of classes (N, A, K)."""


class Decoupled(nn.Module):
    """Where and what by two branches: (N, width, H, W) -> (N, 4 + 1 + classes + shape, H, W).

    Source: Ge et al. 2021 (arXiv 2107.08430), figure 2: objectness beside the box. `shape` numbers
    of each cell, if any, are beside them.
    """

    def __init__(self, width: int, classes: int, depth: int, act: str, shape: int = 0):
        super().__init__()

        def branch() -> nn.Sequential:
            return nn.Sequential(*(ConvNorm(width, width, 3, act=act) for _ in range(depth)))

        self.where, self.what = branch(), branch()
        self.box, self.objectness = Conv2d(width, 4, 1), Conv2d(width, 1, 1)
        self.classes = Conv2d(width, classes, 1)
        self.shape = Conv2d(width, shape, 1) if shape else None
        for layer in (self.box, self.objectness, self.classes):
            nn.init.normal_(layer.weight, std=0.01)
        nn.init.constant_(self.objectness.get_parameter("bias"), -math.log((1 - RARE) / RARE))

    def forward(self, x: Tensor) -> Tensor:
        """Boxes as the network says them, objectness, classes: side by side."""
        where = self.where(x)
        said = [self.box(where), self.objectness(where), self.classes(self.what(x))]
        if self.shape is not None:
            said.append(self.shape(where))
        return torch.cat(said, 1)


class Detector(nn.Module):
    """Normalized pictures (N, C, H, W) -> boxes, objectness and classes of A cells.

    A cell of stride s with its centre at c says a box in the way of Ge et al. 2021: its centre is
    c + s tanh(t_xy), its sides are SIDE s exp(t_wh). Where cells stand is the network's own
    account, so that networks without padding and of any strides will do.
    """

    def __init__(
        self,
        backbone: Network,
        classes: int,
        *,
        width: int,
        depth: int,
        act: str,
        shape: int = 0,
    ):
        super().__init__()
        self.backbone = backbone
        self.neck = Pyramid(backbone.widths, width, act)
        grid = backbone.grid
        self.grid = {s: grid[s] for s in self.neck.strides}
        self.heads = nn.ModuleDict(
            {str(s): Decoupled(width, classes, depth, act, shape) for s in self.neck.strides}
        )

    def forward(self, x: Tensor) -> Outputs:
        """Raises ValueError where the pictures do not fit the network."""
        return self.said(self.neck(self.backbone.features(x)))

    def said(self, maps: dict[int, Tensor]) -> Outputs:
        """What the heads say of the neck's maps, in float32; what they say of shapes comes after
        the classes.
        """
        boxes, rest = [], []
        for s, x in maps.items():
            y = self.heads[str(s)](x).float().flatten(2)  # (N, 5 + K, H W)
            boxes.append(self._boxes(s, x.shape[2], x.shape[3], y[:, :4]))
            rest.append(y[:, 4:])
        logits = torch.cat(rest, 2).transpose(1, 2)  # (N, A, 1 + K)
        return torch.cat(boxes, 1), logits[..., 0], logits[..., 1:]

    def _boxes(self, stride: int, height: int, width: int, y: Tensor) -> Tensor:
        """(N, 4, H W) -> (N, H W, 4)."""
        jump = self.grid[stride][0]
        middle = stand(*self.grid[stride], height, width, y.device) + jump * torch.tanh(y[:, :2])
        half = SIDE / 2 * jump * torch.exp(y[:, 2:].clamp(max=LARGEST))
        return torch.cat([middle - half, middle + half], 1).transpose(1, 2)


def stand(
    jump: float, offset: float, height: int, width: int, device: torch.device | None = None
) -> Tensor:
    """Where the cells of a map have their centres, x and y from the pixel's corner: (2, H W)."""
    rows = torch.arange(height, device=device) * jump + offset + 0.5
    columns = torch.arange(width, device=device) * jump + offset + 0.5
    return torch.stack([columns.repeat(height), rows.repeat_interleave(width)])


def pyramid(
    backbone: Network, classes: int, *, width: int = 96, depth: int = 2, act: str = "silu"
) -> Detector:
    """The one-stage detector: a pyramid of `width` channels, branches of `depth` convolutions."""
    return Detector(backbone, classes, width=width, depth=depth, act=act)


HEADS: dict[str, Callable[..., Detector]] = {"pyramid": pyramid}
