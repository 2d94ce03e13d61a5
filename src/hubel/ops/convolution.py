"""The convolutions: each with its equation, on the framework's kernels.

Pictures x are (N, C, H, W), volumes (N, C, D, H, W); kernels w are (c_out, c_in / groups, kh, kw).
What the framework calls a convolution, and the papers too, is the correlation: the kernel is not
mirrored. `ops.loops` says the same in plain loops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hubel.ops.shuffle import channel_shuffle

Padding = str | int | Sequence[int]


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """floor((size + padding - dilation (kernel - 1) - 1) / stride) + 1, padding of both sides
    together.

    Raises ValueError where the kernel does not fit. Dumoulin, Visin 2016, arXiv 1603.07285,
    relation 6.
    """
    span = size + padding - dilation * (kernel - 1) - 1
    if span < 0:
        raise ValueError(
            f"a kernel of {dilation * (kernel - 1) + 1} does not fit in {size + padding}"
        )
    return span // stride + 1


def cost(
    c_in: int, c_out: int, kernel: Sequence[int], output: Sequence[int], groups: int = 1
) -> tuple[int, int]:
    """(weights, multiplications) of a convolution without bias: W = c_in c_out k / groups, W x
    cells.

    `kernel` and `output` are their sizes, in any number of directions.
    """
    weights = c_in // groups * c_out * math.prod(kernel)
    return weights, weights * math.prod(output)


def pads(padding: Padding, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int],
         dilation: Sequence[int]) -> list[tuple[int, int]]:  # fmt: skip
    """Cells (before, after) in every direction for "valid", "same", one number or one a direction.

    "valid" adds none. "same" adds so many that the output has ceil(size / stride) cells; an odd one
    goes behind.
    """
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "same":
        totals = [
            max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            for n, k, s, d in zip(sizes, kernel, stride, dilation)
        ]
        return [(total // 2, total - total // 2) for total in totals]
    if isinstance(padding, str):
        raise ValueError(f"padding={padding!r}: it may be valid, same or numbers of cells")
    both = [padding] * len(sizes) if isinstance(padding, int) else list(padding)
    return [(p, p) for p in both]


def convolution(
    x: Tensor, w: Tensor, bias: Tensor | None = None, *, stride: int | Sequence[int] = 1,
    padding: Padding = "valid", dilation: int | Sequence[int] = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """y[n, o, i, j] = b[o] + sum over c, u, v of w[o, c, u, v] x[n, c, s i + d u - p, s j + d v -
    p].

    In one, two or three directions, by the dimensions of the kernel: (N, C, *sizes) -> (N, c_out,
    *outputs). With groups, output channel o sees the input channels of its own group only; as many
    groups as channels are the depthwise convolution, kernels of 1 the pointwise one. Strides,
    dilations and padding may be one number or one a direction.

    Raises ValueError where channels and groups do not go together or the kernel does not fit.
    """
    directions = w.ndim - 2
    steps = [stride] * directions if isinstance(stride, int) else list(stride)
    holes = [dilation] * directions if isinstance(dilation, int) else list(dilation)
    if x.shape[1] != w.shape[1] * groups or w.shape[0] % groups:
        raise ValueError(
            f"{x.shape[1]} channels and {groups} groups do not go with kernels {tuple(w.shape)}: "
            f"their second size must be channels / groups, their first a multiple of groups"
        )
    around = pads(padding, x.shape[2:], w.shape[2:], steps, holes)
    for n, k, s, (before, after), d in zip(x.shape[2:], w.shape[2:], steps, around, holes):
        output_size(n, k, s, before + after, d)
    x = F.pad(x, [cells for pair in reversed(around) for cells in pair])
    function = (F.conv1d, F.conv2d, F.conv3d)[directions - 1]
    return function(x, w, bias, steps, 0, holes, groups)


def depthwise(x: Tensor, w: Tensor, **options: Any) -> Tensor:
    """y[n, c] = w[c] * x[n, c]: one kernel a channel, w (C, kh, kw)."""
    return convolution(x, w.unsqueeze(1), groups=x.shape[1], **options)


def pointwise(x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[n, o, i, j] = b[o] + sum over c of w[o, c] x[n, c, i, j]: a 1x1, w (c_out, C)."""
    return convolution(x, w[:, :, None, None], bias)


def depthwise_separable(x: Tensor, w: Tensor, mix: Tensor, **options: Any) -> Tensor:
    """y = mix (w * x): one kernel a channel, then 1x1; 1 / c_out + 1 / k^2 of the full one's cost.

    w (C, kh, kw), mix (c_out, C). Howard et al. 2017, arXiv 1704.04861, equation 5.
    """
    return pointwise(depthwise(x, w, **options), mix)


def spatially_separable(x: Tensor, column: Tensor, row: Tensor, padding: str = "valid") -> Tensor:
    """y = column * (row * x) for every channel: kh + kw instead of kh kw multiplications a cell.

    column (C, kh), row (C, kw): the same as the depthwise convolution with their outer product.
    """
    return depthwise(
        depthwise(x, row[:, None, :], padding=padding), column[:, :, None], padding=padding
    )


def flattened(
    x: Tensor, lateral: Tensor, column: Tensor, row: Tensor, padding: str = "valid"
) -> Tensor:
    """y = row * (column * (lateral x)): one direction after the other, channels first.

    lateral (c_out, C), column (c_out, kh), row (c_out, kw). Jin, Dundar, Culurciello 2014, arXiv
    1412.5474, equation 2.
    """
    x = depthwise(pointwise(x, lateral), column[:, :, None], padding=padding)
    return depthwise(x, row[:, None, :], padding=padding)


def shuffled_grouped(x: Tensor, w: Tensor, groups: int, **options: Any) -> Tensor:
    """y = shuffle(w * x): a grouped convolution whose outputs are dealt out to the next one's
    groups.

    Zhang et al. 2017, arXiv 1707.01083, figure 1(c).
    """
    return channel_shuffle(convolution(x, w, groups=groups, **options), groups)


def factors(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """A kernel (kh, kw) of rank 1 as column (kh,) and row (kw,), whose outer product it is.

    The row is the kernel's row of largest numbers, scaled so that the smallest of them which is not
    0 is 1 or -1. Raises ValueError with the rank where that is not 1.
    """
    rank = int(torch.linalg.matrix_rank(kernel.double()))
    if rank != 1:
        raise ValueError(f"a kernel of rank {rank} is no product of a column and a row; rank 1 is")
    strongest = kernel.double()[kernel.abs().sum(1).argmax()]
    row = strongest / strongest[strongest != 0].abs().min()
    column = kernel.double() @ row / row.square().sum()
    return column.to(kernel.dtype), row.to(kernel.dtype)
