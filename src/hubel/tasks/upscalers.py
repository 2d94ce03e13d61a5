"""Networks for super-resolution: normalized pictures (N, C, H, W) -> (N, C, scale H, scale W).

Each is a function of the scale, the channels (1 for luma, 3 for colours) and its words. They are
fully convolutional, so any picture size goes through.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hubel.blocks.conv import Conv2d
from hubel.ops.account import account
from hubel.ops.layers import activation
from hubel.runtime.names import bound

SCALES = (2, 3, 4)


class Bicubic(nn.Module):
    """Cubic interpolation (a = -0.5): (N, C, H, W) -> (N, C, scale H, scale W), nothing learned.

    Every one of the scale x scale pixels within a cell is a fixed sum over the 4x4 cells around:
    a convolution with scale^2 kernels, and a sub-pixel shuffle. Keys 1981, "Cubic convolution
    interpolation for digital image processing".
    """

    kernels: Tensor

    def __init__(self, scale: int):
        super().__init__()
        self.scale = scale
        place = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5  # within the cell
        weights = _cubic(place[:, None] - torch.arange(-2, 3))  # (scale, 5)
        kernels = torch.einsum("iu,jv->ijuv", weights, weights).flatten(0, 1)
        self.register_buffer("kernels", kernels.float()[:, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """In float32, whatever the precision around it: bf16 would round 8-bit pixels."""
        cast = not x.is_meta and torch.is_autocast_enabled(x.device.type)
        with torch.autocast(x.device.type, enabled=False) if cast else nullcontext():
            wide = F.pad(x.float(), (2, 2, 2, 2), mode="replicate")
            c = x.shape[1]
            fine = F.conv2d(wide, self.kernels.repeat(c, 1, 1, 1), groups=c)
            return F.pixel_shuffle(fine, self.scale)


def _cubic(x: Tensor) -> Tensor:
    x = x.abs()
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


class Added(nn.Module):
    """y = body(x) + skip(x)."""

    def __init__(self, body: nn.Module, skip: nn.Module):
        super().__init__()
        self.body, self.skip = body, skip

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> what both give."""
        return self.body(x) + self.skip(x)


def conv(c_in: int, c_out: int, kernel: int = 3) -> Conv2d:
    """A convolution that keeps the size."""
    return Conv2d(c_in, c_out, kernel, padding=kernel // 2)


def srcnn(scale: int, channels: int, *, kernel: int = 5, width: int = 64) -> nn.Module:
    """9-5-5 on the bicubic enlargement; the smallest form is 9-1-5, `kernel` 1.

    Dong et al. 2014, arXiv 1501.00092, sections 3.1 and 4.3.
    """
    return nn.Sequential(
        Bicubic(scale),
        *(conv(channels, width, 9), nn.ReLU()),
        *(conv(width, width // 2, kernel), nn.ReLU()),
        conv(width // 2, channels, 5),
    )


def fsrcnn(
    scale: int, channels: int, *, width: int = 56, shrink: int = 12, depth: int = 4
) -> nn.Module:
    """Features, shrinking, `depth` mappings, expanding, and a transposed convolution of 9x9.

    Dong et al. 2016, arXiv 1608.00367, section 3.2: FSRCNN(d, s, m) = (56, 12, 4).
    """
    rows = [(channels, width, 5), (width, shrink, 1), *[(shrink, shrink, 3)] * depth]
    rows.append((shrink, width, 1))
    body = [layer for row in rows for layer in (conv(*row), nn.PReLU(row[1]))]
    up = nn.ConvTranspose2d(width, channels, 9, stride=scale, padding=4, output_padding=scale - 1)
    if not up.weight.is_meta:
        nn.init.normal_(up.weight, 0, 0.001)  # section 4.1
    return nn.Sequential(*body, up)


def espcn(scale: int, channels: int, *, width: int = 64, act: str = "tanh") -> nn.Module:
    """5-3-3 at low resolution; the last layer gives scale^2 pixels a cell.

    Shi et al. 2016, arXiv 1609.05158, section 3.2: l = 3, (64, 5), (32, 3), 3.
    """
    return nn.Sequential(
        *(conv(channels, width, 5), *activation(act)),
        *(conv(width, width // 2), *activation(act)),
        *(conv(width // 2, channels * scale**2), nn.PixelShuffle(scale)),
    )


def vdsr(scale: int, channels: int, *, width: int = 64, depth: int = 20) -> nn.Module:
    """`depth` convolutions of 3x3 that add the details to the bicubic enlargement.

    Kim et al. 2016, arXiv 1511.04587, section 3.1.
    """
    inner = [layer for _ in range(depth - 2) for layer in (conv(width, width), nn.ReLU())]
    body = nn.Sequential(conv(channels, width), nn.ReLU(), *inner, quiet(conv(width, channels)))
    return nn.Sequential(Bicubic(scale), Added(body, nn.Identity()))


def edsr(scale: int, channels: int, *, width: int = 64, depth: int = 16) -> nn.Module:
    """Residual blocks without norms, and sub-pixel steps (x4: two of x2) at the full width.

    Lim et al. 2017, arXiv 1707.02921, figures 2 and 3, table 1: the baseline is (64, 16).
    """
    steps = [2, 2] if scale == 4 else [scale]
    ups = [x for s in steps for x in (conv(width, width * s**2), nn.PixelShuffle(s))]
    return nn.Sequential(conv(channels, width), _trunk(width, depth), *ups, conv(width, channels))


def edsr_slim(scale: int, channels: int, *, width: int = 32, depth: int = 8) -> nn.Module:
    """EDSR's trunk with one sub-pixel convolution as ESPCN has it, added to the bicubic enlargement
    as in VDSR: everything learned happens at low resolution.
    """
    last = quiet(conv(width, channels * scale**2))
    body = nn.Sequential(conv(channels, width), _trunk(width, depth), last, nn.PixelShuffle(scale))
    return Added(body, Bicubic(scale))


def _trunk(width: int, depth: int) -> nn.Module:
    """Residual blocks and a convolution, with a skip over all of them."""
    blocks = [
        Added(
            nn.Sequential(conv(width, width), nn.ReLU(), quiet(conv(width, width))), nn.Identity()
        )
        for _ in range(depth)
    ]
    return Added(nn.Sequential(*blocks, quiet(conv(width, width))), nn.Identity())


def quiet(layer: Conv2d) -> Conv2d:
    """A layer that is added to a shortcut starts at a tenth, so that deep sums stay small."""
    if not layer.weight.is_meta:
        with torch.no_grad():
            layer.weight.mul_(0.1)
    return layer


UPSCALERS: Mapping[str, Callable[..., nn.Module]] = {
    "srcnn": srcnn,
    "fsrcnn": fsrcnn,
    "espcn": espcn,
    "vdsr": vdsr,
    "edsr_baseline": edsr,
    "edsr_slim": edsr_slim,
}


def create(name: str, *, scale: int, channels: int, **words: Any) -> nn.Module:
    """A network of UPSCALERS. ValueError for names and words that make no sense."""
    build = bound("network for upscale", UPSCALERS, {"name": name, **words})
    usual = inspect.signature(UPSCALERS[name]).parameters
    for word, value in words.items():
        if type(value) is not type(usual[word].default) or (type(value) is int and value < 1):
            example = f"{word}={usual[word].default!r}"
            raise ValueError(
                f"{word}={value!r}: {name} takes such as {example}, whole numbers from 1"
            )
    return build(scale, channels)


def reach(network: nn.Module, channels: int) -> int:
    """How many pixels of the small picture an upscaler sees beyond any of its own, at most."""
    place = account(network, (channels, 64, 64)).places[""]
    return math.ceil(place.rows.field / 2)
