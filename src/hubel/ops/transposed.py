"""The transposed convolution in three equal forms: library, zeros put between, matrix.

Dumoulin, Visin 2016, arXiv 1603.07285, chapter 4.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from hubel.ops.convolution import convolution, output_size


def transposed_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """stride (size - 1) + kernel - 2 padding: the picture that a convolution would have made so
    small.
    """
    return stride * (size - 1) + kernel - 2 * padding


def transposed(y: Tensor, w: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """x[n, c, s i + u - p, s j + v - p] gets w[o, c, u, v] y[n, o, i, j], summed over o, i, j, u,
    v.

    y (N, c_out, H, W) and the convolution's own kernels w (c_out, c_in, kh, kw) give (N, c_in, H',
    W').
    """
    return F.conv_transpose2d(y, w, stride=stride, padding=padding)


def zeros_between(y: Tensor, w: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """The same: stride - 1 zeros between the cells, then a convolution with the mirrored kernel.

    The padding is what is left of kernel - 1. Raises ValueError where the padding exceeds that.
    """
    n, c, height, width = y.shape
    left = [k - 1 - padding for k in w.shape[2:]]
    if min(left) < 0:
        raise ValueError(f"padding={padding} is more than the kernel {tuple(w.shape[2:])} leaves")
    spread = y.new_zeros(n, c, stride * (height - 1) + 1, stride * (width - 1) + 1)
    spread[:, :, ::stride, ::stride] = y
    return convolution(spread, w.flip(2, 3).transpose(0, 1), padding=left)


def matrix(size: tuple[int, int], w: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """The sparse matrix C with C x = the convolution of x, both written row by row.

    For pictures (H, W) and a kernel (kh, kw): (outputs, H W), coalesced COO. C^T is the transposed
    convolution, and the gradient of the convolution by its picture.
    """
    (height, width), (kh, kw) = size, w.shape
    h = output_size(height, kh, stride, 2 * padding)
    v = output_size(width, kw, stride, 2 * padding)
    output = torch.arange(h * v).view(h, v, 1, 1).expand(h, v, kh, kw)
    row = (stride * torch.arange(h) - padding).view(h, 1, 1, 1) + torch.arange(kh).view(kh, 1)
    column = (stride * torch.arange(v) - padding).view(v, 1, 1) + torch.arange(kw)
    inside = ((row >= 0) & (row < height) & (column >= 0) & (column < width)).expand_as(output)
    source = (row * width + column).expand_as(output)
    index = torch.stack([output[inside], source[inside]])
    values = w.expand_as(output)[inside]
    size_c = (h * v, height * width)
    return torch.sparse_coo_tensor(index, values, size_c, check_invariants=True).coalesce()
