"""DenseNet. Huang, Liu, van der Maaten, Weinberger 2016, "Densely Connected Convolutional
Networks".

arXiv 1608.06993: table 1 for ImageNet, section 4.2 for CIFAR (DenseNet-40 with k = 12, and
DenseNet-BC-100 with bottlenecks and compression).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hubel.blocks import ConvNorm, NormAct, Once, Pool, PreConv
from hubel.networks.spec import Spec, classifier, entry, facts, row


class DenseLayer(nn.Module):
    """y = [x, H(x)]: H is norm-act-1x1 to 4k channels and norm-act-3x3 to k. Section 3, equation 2.

    With bottleneck=0 H is the 3x3 alone.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, growth: int, bottleneck: int = 4,
        kernel: int = 3, act: str = "relu", norm: str = "batch",
    ):  # fmt: skip
        super().__init__()
        inner = bottleneck * growth
        layers = [PreConv(c_in, inner, act=act, norm=norm)] if inner else []
        layers.append(PreConv(inner or c_in, growth, kernel, act=act, norm=norm))
        self.body = nn.Sequential(*layers)
        self.c_out = c_in + growth

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_in + growth, H, W)."""
        return torch.cat([x, self.body(x)], dim=1)


class Transition(Once, nn.Sequential):
    """y = average over 2x2 of 1x1(act(norm(x))), with theta times the channels. Section 3."""

    def __init__(
        self, c_in: int, c_out: int = 0, stride: int = 2, *, theta: float, pool: str, act: str,
        norm: str,
    ):  # fmt: skip
        width = int(c_in * theta)
        mix = PreConv(c_in, width, act=act, norm=norm)
        super().__init__(mix, Pool(width, stride=stride, kind=pool))
        self.c_out = width


def densenet(
    growth: int, depths: tuple[int, ...], width: int, theta: float = 0.5, bottleneck: int = 4, *,
    kernel: int = 3, act: str = "relu", norm: str = "batch", pool: str = "avg", head: str = "gap",
) -> Spec:  # fmt: skip
    """Table 1: a stem of `width` channels, dense blocks of k = growth, transitions between them.

    Three blocks are the CIFAR form, without the strides of the stem.
    """
    cifar = len(depths) == 3
    both: dict[str, Any] = {"act": act, "norm": norm}
    plain = row(ConvNorm, width, kernel=3, act="none", norm="none", bias=False)
    stages = []
    layer = {"growth": growth, "bottleneck": bottleneck, "kernel": kernel, **both}
    for i, depth in enumerate(depths):
        if i > 0:
            stages.append(row(Transition, stride=2, theta=theta, pool=pool, act=act, norm=norm))
        stages.append(row(DenseLayer, depth=depth, **layer))
    stages.append(row(NormAct, act=act, norm=norm))
    return Spec(
        stem=(plain,) if cifar else entry(width, 7, **both),
        stages=tuple(stages),
        head=(classifier(head, 10 if cifar else 1000),),
        size=32 if cifar else 224,
        facts=facts("1608.06993"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    "densenet121": partial(densenet, 32, (6, 12, 24, 16), 64),
    "densenet161": partial(densenet, 48, (6, 12, 36, 24), 96),
    "densenet169": partial(densenet, 32, (6, 12, 32, 32), 64),
    "densenet201": partial(densenet, 32, (6, 12, 48, 32), 64),
    "densenet40_12": partial(densenet, 12, (12, 12, 12), 16, 1.0, 0),
    "densenet_bc100_12": partial(densenet, 12, (16, 16, 16), 24),
}
