"""ShuffleNet, versions 1 and 2.

1: Zhang et al. 2017, arXiv 1707.01083, table 1. 2: Ma et al. 2018, arXiv 1807.11164, table 5.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hubel.blocks import ConvNorm, Pool, Sum, activation
from hubel.networks.spec import Spec, classifier, entry, facts, row
from hubel.ops.shuffle import channel_shuffle


class ShuffleUnit(Sum):
    """y = act(x + F(x)), or with stride 2 act([average(x), F(x)]).

    F: 1x1 in `entry` groups, shuffle, 3x3 a channel, 1x1 in groups. Zhang et al. 2017, figure 2.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, groups: int, entry: int, kernel: int = 3,
        act: str = "relu", norm: str = "batch",
    ):  # fmt: skip
        super().__init__()
        inner, width = c_out // 4 // groups * groups, c_out - c_in if stride > 1 else c_out
        self.groups = groups
        self.reduce = ConvNorm(c_in, inner, groups=entry, act=act, norm=norm)
        self.body = nn.Sequential(
            ConvNorm(inner, inner, kernel, stride, groups=inner, act="none", norm=norm),
            ConvNorm(inner, width, groups=math.gcd(groups, width), act="none", norm=norm),
        )
        mean = Pool(c_in, stride=stride, kind="avg", kernel=3, padding=1)
        self.way = mean if stride > 1 else None
        self.drop = 0.0 if self.way is None else None
        self.act = nn.Sequential(*activation(act))

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride)."""
        y = self.body(channel_shuffle(self.reduce(x), self.groups))
        if self.way is not None:
            return self.act(torch.cat([self.way(x), y], dim=1))
        return self.act(x + self.kept(y))


class ShuffleUnit2(nn.Module):
    """y = shuffle([x_1, F(x_2)]) of the halves of x, or with stride 2 shuffle([G(x), F(x)]).

    F: 1x1, 3x3 a channel, 1x1; G: 3x3 a channel, 1x1. Ma et al. 2018, figure 3(c), 3(d).
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, kernel: int = 3, act: str = "relu",
        norm: str = "batch",
    ):  # fmt: skip
        super().__init__()
        half = c_out // 2
        both: dict[str, Any] = {"act": act, "norm": norm}
        self.way = None
        if stride > 1:
            self.way = nn.Sequential(
                ConvNorm(c_in, c_in, kernel, stride, groups=c_in, act="none", norm=norm),
                ConvNorm(c_in, half, **both),
            )
        self.body = nn.Sequential(
            ConvNorm(c_in if stride > 1 else half, half, **both),
            ConvNorm(half, half, kernel, stride, groups=half, act="none", norm=norm),
            ConvNorm(half, half, **both),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride)."""
        a, b = x.chunk(2, dim=1) if self.way is None else (self.way(x), x)
        return channel_shuffle(torch.cat([a, self.body(b)], dim=1), 2)


# Channels of stage 2 by the number of groups: about 140 million multiplications each.
WIDTHS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}


def v1(
    scale: float, *, groups: int = 3, kernel: int = 3, act: str = "relu", norm: str = "batch",
    head: str = "gap",
) -> Spec:  # fmt: skip
    """Table 1: 4, 8 and 4 units; the first 1x1 of stage 2 is whole, its input being narrow."""
    if groups not in WIDTHS:
        raise ValueError(f"groups={groups}: table 1 has {', '.join(map(str, WIDTHS))}")
    both: dict[str, Any] = {"act": act, "norm": norm}
    stages = []
    for i, depth in enumerate((4, 8, 4)):
        width = int(WIDTHS[groups] * scale) * 2**i
        unit = partial(row, ShuffleUnit, width, groups=groups, kernel=kernel, **both)
        stages.append(unit(depth=1, stride=2, entry=1 if i == 0 else groups))
        stages.append(unit(depth=depth - 1, entry=groups))
    return Spec(
        stem=entry(24, 3, **both),
        stages=tuple(stages),
        head=(classifier(head, 1000),),
        facts=facts("1707.01083"),
    )


def v2(
    widths: tuple[int, int, int], last: int, *, kernel: int = 3, act: str = "relu",
    norm: str = "batch", head: str = "gap",
) -> Spec:  # fmt: skip
    """Table 5: 4, 8 and 4 units, then a 1x1."""
    both: dict[str, Any] = {"act": act, "norm": norm}
    return Spec(
        stem=entry(24, 3, **both),
        stages=tuple(
            row(ShuffleUnit2, width, depth, 2, kernel=kernel, **both)
            for width, depth in zip(widths, (4, 8, 4))
        ),
        head=(row(ConvNorm, last, **both), classifier(head, 1000)),
        facts=facts("1807.11164"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    **{f"shufflenet_v1_x1_0_g{groups}": partial(v1, 1.0, groups=groups) for groups in WIDTHS},
    "shufflenet_v2_x0_5": partial(v2, (48, 96, 192), 1024),
    "shufflenet_v2_x1_0": partial(v2, (116, 232, 464), 1024),
    "shufflenet_v2_x1_5": partial(v2, (176, 352, 704), 1024),
    "shufflenet_v2_x2_0": partial(v2, (244, 488, 976), 2048),
}
