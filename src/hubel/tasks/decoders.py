"""What stands behind a network for segmentation: from its maps to a score of every class for every
cell, for any network of the catalogue.

Maps meet by where their cells stand over the picture (`Network.grid`), so networks without padding
and pictures of odd sizes need no special case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hubel.blocks import Conv2d, ConvNorm
from hubel.networks import Network

Maps = dict[int, Tensor]
"""{stride: map (N, C, H, W)}, as `Network.features` gives them."""

FINEST = (4, 2, 1)
"""Steps in pixels that the scores may have: the first that divides both sides of the picture."""


class Cells(NamedTuple):
    """Where the cells of a map stand, along either side: the centre of cell i is at pixel offset +
    i * jump, where pixel 0 has its centre at 0.
    """

    jump: float
    offset: float

    @property
    def edge(self) -> float:
        """Where the first cell begins."""
        return self.offset - self.jump / 2


def even(step: int) -> Cells:
    """Cells that begin with the picture: cell i covers `step` pixels from i * step on."""
    return Cells(step, (step - 1) / 2)


def grid(network: Network) -> dict[int, Cells]:
    """{stride: Cells} of the maps that the network gives."""
    return {stride: Cells(*place) for stride, place in network.grid.items()}


def onto(x: Tensor, cells: Cells, finer: Cells, size: tuple[int, int]) -> Tensor:
    """A map (N, C, h, w) on `size` cells of a finer one, (N, C, *size), bilinearly.

    Right to half a finer cell; where the finer map goes beyond this one, its edge goes on.
    """
    ratio = cells.jump / finer.jump
    if ratio != 1:
        x = F.interpolate(x, scale_factor=ratio, mode="bilinear", align_corners=False)
    return placed(x, round((finer.edge - cells.edge) / finer.jump), size)


def placed(x: Tensor, start: int, size: tuple[int, int]) -> Tensor:
    """Cells start, start + 1, ... of a map (N, C, h, w) in either direction, as many as `size`
    says; beyond its edge the edge goes on.
    """
    height, width = x.shape[2:]
    before = max(0, -start)
    after = [max(0, start + wanted - have) for wanted, have in zip(size, (height, width))]
    if before or any(after):
        x = F.pad(x, (before, after[1], before, after[0]), mode="replicate")
    start = max(0, start)
    return x[:, :, start : start + size[0], start : start + size[1]]


class Bilinear(nn.ConvTranspose2d):
    """Learned upsampling of `channels` maps by `factor`, which begins as the bilinear one.

    w[u] = 1 - |u - c| / factor around the kernel's centre c, along both directions, from every
    channel to itself alone. Source: Long, Shelhamer, Darrell 2015 (arXiv 1411.4038), section 3.3.
    """

    def __init__(self, channels: int, factor: int):
        kernel = 2 * factor - factor % 2
        super().__init__(
            channels, channels, kernel, factor, padding=(kernel - factor) // 2, bias=False
        )

    def reset_parameters(self) -> None:
        """Make it bilinear again."""
        kernel, factor = self.kernel_size[0], self.stride[0]
        slope = 1 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / factor  # (kernel,)
        with torch.no_grad():
            self.weight.zero_()
            for channel in range(self.in_channels):
                self.weight[channel, channel] = slope[:, None] * slope


class Score(nn.Conv2d):
    """A score of every class for every cell: a 1x1 convolution that begins at 0, as Long et al.'s
    (section 4.1).
    """

    def __init__(self, c_in: int, classes: int):
        super().__init__(c_in, classes, 1)

    def reset_parameters(self) -> None:
        """Back to 0."""
        for p in self.parameters():
            nn.init.zeros_(p)


class FCN(nn.Module):
    """Class scores of the deepest map, and of `skips` finer ones that are added on the way up.

    Upsampling between them is learned; the last one, to the picture, is bilinear and fixed. Source:
    Long et al. 2015 (arXiv 1411.4038), sections 4.2 and 4.3, figure 3.
    """

    def __init__(self, network: Network, classes: int, skips: int):
        super().__init__()
        self.cells = grid(network)
        self.strides = sorted(network.widths, reverse=True)[: skips + 1]
        self.scores = nn.ModuleList(Score(network.widths[s], classes) for s in self.strides)
        self.ups = nn.ModuleList(
            Bilinear(classes, coarse // fine)
            for coarse, fine in zip(self.strides, self.strides[1:])
        )

    def forward(self, maps: Maps, picture: Tensor) -> tuple[Tensor, Cells]:
        """Scores (N, classes, H, W) and where their cells stand."""
        first, *finer = self.strides
        y, cells = self.scores[0](maps[first]), self.cells[first]
        for stride, up, score in zip(finer, self.ups, self.scores[1:]):
            skip, there = score(maps[stride]), self.cells[stride]
            start = round((there.edge - cells.edge) / there.jump)
            y, cells = placed(up(y), start, skip.shape[2:]) + skip, there
        return y, cells


class Dilated(nn.Module):
    """Atrous spatial pyramid pooling of the deepest map, meant for a network at output stride 8.

    A 1x1, three 3x3 of growing dilation and the mean of the whole map side by side, joined by a
    1x1. Source: Chen et al. 2017 (arXiv 1706.05587), section 3.3 and figure 5; for output stride 8
    its rates are 12, 24 and 36.
    """

    def __init__(self, network: Network, classes: int, width: int, rates: tuple[int, ...]):
        super().__init__()
        self.stride = max(network.widths)
        self.cells = grid(network)[self.stride]
        c = network.widths[self.stride]
        self.branches = nn.ModuleList(
            [ConvNorm(c, width), *(ConvNorm(c, width, 3, dilation=rate) for rate in rates)]
        )
        self.whole = ConvNorm(c, width, norm="none")  # one cell: nothing to normalize over
        self.join = ConvNorm(width * (len(rates) + 2), width)
        self.score = Conv2d(width, classes, 1)

    def forward(self, maps: Maps, picture: Tensor) -> tuple[Tensor, Cells]:
        """Scores (N, classes, H, W) and where their cells stand."""
        x = maps[self.stride]
        whole = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        y = torch.cat([*(branch(x) for branch in self.branches), whole], dim=1)
        return self.score(self.join(y)), self.cells


class UNet(nn.Module):
    """From the deepest map up: upsample, put beside the network's own map, two 3x3 convolutions.

    A stage of step s has `width` * s / `stride` channels, never more than the network has there. A
    last stage of step `stride` stands on the picture itself where the network has no map of it.
    Source: Ronneberger, Fischer, Brox 2015 (arXiv 1505.04597), figure 1; here padded, and bilinear
    after a 1x1 in place of the 2x2 up-convolution.
    """

    def __init__(self, network: Network, classes: int, width: int, stride: int):
        super().__init__()
        self.cells = grid(network)
        self.deepest = max(network.widths)
        widths = {s: w for s, w in network.widths.items() if stride <= s < self.deepest}
        self.own = nn.ModuleDict()
        if min(network.widths) > stride:
            widths[stride], self.cells[stride] = width, Cells(stride, 0.0)
            self.own[str(stride)] = ConvNorm(network.spec.channels, width, 3, stride)
        self.strides = sorted(widths, reverse=True)
        self.ups, self.stages = nn.ModuleList(), nn.ModuleList()
        c = network.widths[self.deepest]
        for s in self.strides:
            w = min(width * s // stride, widths[s])
            self.ups.append(ConvNorm(c, w))
            self.stages.append(nn.Sequential(ConvNorm(w + widths[s], w, 3), ConvNorm(w, w, 3)))
            c = w
        self.score = Conv2d(c, classes, 1)

    def forward(self, maps: Maps, picture: Tensor) -> tuple[Tensor, Cells]:
        """Scores (N, classes, H, W) and where their cells stand."""
        y, cells = maps[self.deepest], self.cells[self.deepest]
        for stride, up, stage in zip(self.strides, self.ups, self.stages):
            skip = maps[stride] if stride in maps else self.own[str(stride)](picture)
            there, (height, width) = self.cells[stride], skip.shape[2:]
            y = stage(torch.cat([onto(up(y), cells, there, (height, width)), skip], dim=1))
            cells = there
        return self.score(y), cells


def unet(network: Network, classes: int, *, width: int = 32, stride: int = 2) -> nn.Module:
    """`width` channels at step `stride`, twice as many at every coarser one."""
    return UNet(network, classes, width, stride)


def dilated(
    network: Network, classes: int, *, width: int = 256, rates: tuple[int, ...] = (12, 24, 36)
) -> nn.Module:
    """`width` channels in each branch, and the dilations of the 3x3 branches."""
    return Dilated(network, classes, width, tuple(rates))


def _fcn(skips: int) -> Callable[[Network, int], nn.Module]:
    return lambda network, classes: FCN(network, classes, skips)


HEADS: dict[str, Callable[..., nn.Module]] = {
    "unet": unet,
    "dilated": dilated,
    "fcn32": _fcn(0),
    "fcn16": _fcn(1),
    "fcn8": _fcn(2),
}
"""The heads by name. An FCN is named as for a network of stride 32: none, one or two skips."""


class Segmenter(nn.Module):
    """A network with a decoder: normalized pictures (N, C, H, W) -> scores (N, classes, h, w).

    Its cells cover the picture evenly, at 1/4, 1/2 or all of its size: the coarsest that divides
    both sides and is not coarser than the decoder's own.
    """

    def __init__(self, backbone: Network, decoder: nn.Module):
        super().__init__()
        self.backbone, self.decoder = backbone, decoder

    def forward(self, x: Tensor) -> Tensor:
        """Pictures of any size that the network takes."""
        y, cells = self.decoder(self.backbone.features(x), x)
        height, width = x.shape[2:]
        step = next(s for s in FINEST if not (height % s or width % s) and s <= max(1, cells.jump))
        return onto(y, cells, even(step), (height // step, width // step))
