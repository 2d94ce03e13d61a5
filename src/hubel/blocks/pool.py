"""Pooling as a row of a table, and what the word `pool=` puts in its place."""

from __future__ import annotations

from torch import nn

from hubel.blocks.combine import Once
from hubel.blocks.conv import ConvNorm
from hubel.runtime.names import unknown

POOLS = ("max", "avg", "stride")


class Pool(Once, nn.Sequential):
    """The maximum, the average, or with kind="stride" a learned convolution, over kernel x kernel.

    (N, C, H, W) -> (N, C, H / stride, W / stride); `ceil` keeps windows that hang over the edge.
    """

    def __init__(
        self, c_in: int, c_out: int = 0, stride: int = 2, *, kind: str = "max", kernel: int = 2,
        padding: int = 0, ceil: bool = False,
    ):  # fmt: skip
        if kind == "max":
            layer: nn.Module = nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)
        elif kind == "avg":
            layer = nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil)
        elif kind == "stride":
            layer = ConvNorm(c_in, c_in, kernel, stride, padding=padding)
        else:
            raise unknown("pool", kind, POOLS)
        super().__init__(layer)
        self.c_out = c_in
