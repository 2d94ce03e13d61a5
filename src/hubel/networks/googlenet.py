"""GoogLeNet. Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv 1409.4842, table 1.

`googlenet` is the form whose weights are published: batch norm after every convolution, and 3x3
where the paper has 5x5 (an old slip that the weights keep). The paper's own is kernel=5,
norm="none"; its local response normalization in the stem is left out there as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from hubel.blocks import ConvNorm, Mixed, Pool, activation
from hubel.networks.spec import Spec, classifier, facts, row

# Table 1: channels of the 1x1, of the 3x3 and its reduction, of the 5x5 and its reduction, of the
# pool.
# fmt: off
TABLE = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
# fmt: on


def inception(widths: tuple[int, ...], kernel: int, reduce: str) -> tuple[tuple[Any, ...], ...]:
    """Figure 2(b); without reductions and pool projection the naive form of figure 2(a)."""
    one, three_in, three, five_in, five, pool = widths
    if reduce == "none":
        return ((one, 1),), ((three, 3),), ((five, kernel),), ("max",)
    return (
        ((one, 1),),
        ((three_in, 1), (three, 3)),
        ((five_in, 1), (five, kernel)),
        ("max", (pool, 1)),
    )


class Auxiliary(nn.Sequential):
    """logits of a map in the middle: mean over 4x4 bins, 1x1, dense, dense. Section 5."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, act: str, norm: str):
        super().__init__(
            nn.AdaptiveAvgPool2d(4),
            ConvNorm(c_in, 128, norm=norm, act=act, eps=1e-3),
            nn.Flatten(),
            nn.Linear(128 * 4 * 4, 1024),
            *activation(act),
            nn.Dropout(0.7),
            nn.Linear(1024, c_out),
        )


def googlenet(
    *, kernel: int = 3, reduce: str = "1x1", norm: str = "batch", act: str = "relu",
    pool: str = "max", head: str = "gap", aux: bool = True,
) -> Spec:  # fmt: skip
    """Table 1, row by row; pooling between the groups 3, 4 and 5."""
    conv: dict[str, Any] = {"norm": norm, "act": act, "eps": 1e-3}
    pooling = partial(row, Pool, stride=2, kind=pool, ceil=True)
    stages = []
    for name, widths in TABLE.items():
        if name in ("4a", "5a"):
            stages.append(pooling(kernel=3 if name == "4a" else 2))
        stages.append(row(Mixed, branches=inception(widths, kernel, reduce), **conv))
    behind = row(Auxiliary, 1000, act=act, norm=norm)
    return Spec(
        stem=(
            row(ConvNorm, 64, stride=2, kernel=7, **conv),
            pooling(kernel=3),
            row(ConvNorm, 64, **conv),
            row(ConvNorm, 192, kernel=3, **conv),
            pooling(kernel=3),
        ),
        stages=tuple(stages),
        head=(classifier(head, 1000, dropout=0.2),),
        aux={"stages.3": behind, "stages.6": behind} if aux else {},
        facts=facts("1409.4842"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {"googlenet": googlenet}
