"""Dual path networks: what is added and what is put side by side, in one block.

Chen et al. 2017, arXiv 1707.01629, table 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hubel.blocks import NormAct, PreConv, Sum
from hubel.networks.spec import Spec, classifier, entry, facts, row


class DualPath(Sum):
    """y = [a + F_a(x), b, F_b(x)] for x = [a, b]; the first block of a stage projects x before.

    F is 1x1, 3x3 in groups, 1x1, each behind norm and act; F_a are its first `width` channels.
    Equations 7 to 9 and figure 2(d).
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, inner: int, growth: int, groups: int,
        first: bool = False, act: str = "relu",
    ):  # fmt: skip
        super().__init__()
        self.width = c_out
        options: dict[str, Any] = {"act": act, "eps": 1e-3}
        self.way = None
        if first:
            self.way = PreConv(c_in, c_out + 2 * growth, 1, stride, **options)
        self.body = nn.Sequential(
            PreConv(c_in, inner, **options),
            PreConv(inner, inner, 3, stride, groups=groups, **options),
            PreConv(inner, c_out + growth, **options),
        )
        self.c_out = c_out + 3 * growth if first else c_in + growth

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride)."""
        y = self.body(x)
        way = x if self.way is None else self.way(x)
        added = way[:, : self.width] + self.kept(y[:, : self.width])
        return torch.cat([added, way[:, self.width :], y[:, self.width :]], dim=1)


def dpn(
    first: int, inner: int, groups: int, depths: tuple[int, ...], growths: tuple[int, ...],
    small: bool = False, *, act: str = "relu", head: str = "gap",
) -> Spec:  # fmt: skip
    """Table 1; the smallest one has a 3x3 stem and a fourth of the widths that are added."""
    stages = []
    for i, (depth, growth) in enumerate(zip(depths, growths)):
        width = 64 * 2**i * (1 if small else 4)
        options = {"inner": inner * 2**i, "growth": growth, "groups": groups, "act": act}
        stages.append(row(DualPath, width, 1, 1 if i == 0 else 2, first=True, **options))
        stages.append(row(DualPath, width, depth - 1, **options))
    stages.append(row(NormAct, act=act, eps=1e-3))
    return Spec(
        stem=entry(first, 3 if small else 7, act=act, eps=1e-3),
        stages=tuple(stages),
        head=(classifier(head, 1000),),
        facts=facts("1707.01629"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    "dpn68": partial(dpn, 10, 128, 32, (3, 4, 12, 3), (16, 32, 32, 64), True),
    "dpn92": partial(dpn, 64, 96, 32, (3, 4, 20, 3), (16, 32, 24, 128)),
    "dpn98": partial(dpn, 96, 160, 40, (3, 6, 20, 3), (16, 32, 32, 128)),
    "dpn107": partial(dpn, 128, 200, 50, (4, 8, 20, 3), (20, 64, 64, 128)),
    "dpn131": partial(dpn, 128, 160, 40, (4, 8, 28, 3), (16, 32, 32, 128)),
}
