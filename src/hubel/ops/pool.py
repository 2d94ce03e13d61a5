"""Pooling: what becomes one number of a window, of all cells, of neighbouring channels."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

Size = int | tuple[int, int]


def max_pool(x: Tensor, kernel: Size, stride: Size | None = None, padding: Size = 0) -> Tensor:
    """y[n, c, i, j] = max over u, v of x[n, c, s i + u - p, s j + v - p]; padding never wins."""
    return F.max_pool2d(x, kernel, stride, padding)


def average_pool(x: Tensor, kernel: Size, stride: Size | None = None, padding: Size = 0) -> Tensor:
    """y[n, c, i, j] = mean over u, v of x[n, c, s i + u - p, s j + v - p]; padding counts as 0."""
    return F.avg_pool2d(x, kernel, stride, padding)


def global_average_pool(x: Tensor) -> Tensor:
    """y[n, c] = mean over i, j of x[n, c, i, j]. Lin, Chen, Yan 2013, arXiv 1312.4400."""
    return x.mean((2, 3))


def depth_max_pool(x: Tensor, channels: int) -> Tensor:
    """y[n, c, i, j] = max over k < channels of x[n, c * channels + k, i, j].

    (N, C, H, W) -> (N, C / channels, H, W). Channels that learn one thing in several forms (turned,
    thick and thin) become invariant to the form. Raises ValueError where C is no multiple.
    """
    n, c, h, w = x.shape
    if channels < 1 or c % channels:
        raise ValueError(f"{c} channels cannot be pooled by {channels}; take a divisor of {c}")
    return x.view(n, c // channels, channels, h, w).amax(2)


def subsample(x: Tensor, weight: Tensor, bias: Tensor, kernel: int = 2) -> Tensor:
    """y[n, c, i, j] = w[c] * (sum over the window of x[n, c]) + b[c]: pooling with two weights a
    map.

    Windows do not overlap. LeCun et al. 1998, layers S2 and S4.
    """
    sums = F.avg_pool2d(x, kernel) * kernel**2
    return sums * weight.view(-1, 1, 1) + bias.view(-1, 1, 1)
