"""Convolutions cut into a depthwise and a pointwise part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from hubel.blocks.attention import SqueezeExcite
from hubel.blocks.combine import Residual
from hubel.blocks.conv import ConvNorm


class SeparableConv(nn.Sequential):
    """y = act(norm(P * act(norm(D * x)))): D one kernel a channel, P 1x1.

    Howard et al. 2017, arXiv 1704.04861, figure 3: 1 / c_out + 1 / k^2 of the multiplications.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, kernel: int = 3, act: str = "relu6",
        norm: str = "batch", eps: float = 1e-5,
    ):  # fmt: skip
        super().__init__(
            ConvNorm(c_in, c_in, kernel, stride, groups=c_in, act=act, norm=norm, eps=eps),
            ConvNorm(c_in, c_out, act=act, norm=norm, eps=eps),
        )


class MBConv(Residual):
    """y = x + P * se(act(D * act(E * x))): wide inside, narrow and linear outside.

    E widens to `hidden` channels (`expand` x c_in where not given) and is left out where they are
    c_in; D is depthwise; P is 1x1. The sum is left out where shapes differ. `fused` makes E and D
    one full convolution. `se` is the reduction of the squeeze: of the channels in, or by `reduced`
    of its own.

    Sandler et al. 2018, arXiv 1801.04381, figure 3; with se Tan et al. 2018, arXiv 1807.11626,
    figure 7; fused Tan, Le 2021, arXiv 2104.00298, figure 2.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, expand: int = 6, hidden: int = 0,
        kernel: int = 3, se: int = 0, reduced: Callable[[int], int] | None = None, se_act: str = "",
        gate: str = "sigmoid", fused: bool = False, skip: str = "add", act: str = "relu6",
        norm: str = "batch", eps: float = 1e-5, padding: str | None = None,
    ):  # fmt: skip
        hidden = hidden or c_in * expand
        options: dict[str, Any] = {"act": act, "norm": norm, "eps": eps}
        layers: list[nn.Module] = []
        if fused:
            layers.append(ConvNorm(c_in, hidden, kernel, stride, padding=padding, **options))
        else:
            if hidden != c_in:
                layers.append(ConvNorm(c_in, hidden, **options))
            layers.append(
                ConvNorm(hidden, hidden, kernel, stride, padding=padding, groups=hidden, **options)
            )
        if se:
            squeezed = reduced(hidden // se) if reduced else c_in // se
            layers.append(SqueezeExcite(hidden, squeezed, act=se_act or act, gate=gate))
        if not fused or hidden != c_in:
            layers.append(ConvNorm(hidden, c_out, act="none", norm=norm, eps=eps))
        around = skip == "add" and stride == 1 and c_in == c_out
        super().__init__(nn.Sequential(*layers), nn.Identity() if around else None)
