"""Strides made into dilations: finer maps from the same weights.

The algorithm "with holes": where a stride is taken out, every window behind it steps over the new
cells in between. Chen et al. 2014, arXiv 1412.7062, section 3.1; Yu, Koltun, Funkhouser 2017, arXiv
1705.09914, section 2.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from hubel.ops.account import account
from hubel.ops.convolution import depthwise


class HoledAverage(nn.Module):
    """y[n, c, i, j] = mean over u, v of x[n, c, i + d u - p, j + d v - p]; padding counts as 0."""

    def __init__(self, kernel: int, padding: int, dilation: int):
        super().__init__()
        self.kernel, self.padding, self.dilation = kernel, padding, dilation

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H', W'), at a step of one cell."""
        w = x.new_full((x.shape[1], self.kernel, self.kernel), 1 / self.kernel**2)
        return depthwise(x, w, padding=self.padding, dilation=self.dilation)

    def macs(self, y: Tensor) -> int:
        """None, as of any pooling."""
        return 0


def dilate(module: nn.Module, step: int, size: tuple[int, int, int]) -> None:
    """Keep the cells of every map at most `step` pixels apart, in place; `size` = (C, H, W).

    A map that had its cells k times as far apart has in every k-th cell, from the first on, what it
    had before. A part that strides in a way of its own, or looks over a whole map, has a method
    `dilate(stride, dilation)`.

    Raises ValueError for parts that cannot do without their stride.
    """
    places = account(module, size).places
    for name, part in list(module.named_modules()):
        windows = isinstance(part, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d))
        if name not in places or not (windows or hasattr(part, "dilate")):
            continue
        stride = max(_pair(getattr(part, "stride", 1)))
        before = places[name].rows.jump / stride  # pixels between the cells that come in
        holes = max(1, round(before / step))
        kept = max(1, min(stride, round(step / before)))
        if (holes, kept) == (1, stride):
            continue
        if not windows:
            part.dilate(kept, holes)
        elif isinstance(part, nn.AvgPool2d):
            module.set_submodule(name, _average(name, part, kept, holes))
        else:
            if isinstance(part, nn.MaxPool2d):
                module.set_submodule(name, nn.Sequential(_edge(part, stride - kept, holes), part))
            _widen(part, kept, holes)


def _edge(part: nn.MaxPool2d, cut: int, holes: int) -> nn.ConstantPad2d:
    """The padding of a maximum, which the framework allows up to half a kernel without holes.

    Windows that hung over the edge (`ceil_mode`) do so no more at a smaller stride: it gets cells.
    """
    above, left = (p * holes for p in _pair(part.padding))
    more = cut * holes if part.ceil_mode else 0
    part.padding = 0
    return nn.ConstantPad2d((left, left + more, above, above + more), -math.inf)


def _widen(part: Any, stride: int, holes: int) -> None:
    kernel, padding, dilation = map(_pair, (part.kernel_size, part.padding, part.dilation))
    part.stride = (stride, stride)
    part.padding = tuple(p * holes for p in padding)
    # A kernel of one cell has no holes.
    part.dilation = tuple(d * holes if k > 1 else 1 for k, d in zip(kernel, dilation))


def _average(name: str, part: nn.AvgPool2d, stride: int, holes: int) -> HoledAverage:
    if part.ceil_mode or stride > 1 or len({*_pair(part.kernel_size)}) > 1:
        raise ValueError(f"{name} averages windows that hang over the edge: it cannot be dilated")
    return HoledAverage(max(_pair(part.kernel_size)), max(_pair(part.padding)) * holes, holes)


def _pair(x: Any) -> tuple[int, int]:
    return (x[0], x[-1]) if isinstance(x, (tuple, list)) else (x, x)
