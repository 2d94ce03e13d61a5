"""The operations as plain loops over numpy arrays: slow, and exactly what their equations say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

Array = np.ndarray


def convolution(x: Array, w: Array, bias: Array | None = None, *, stride: Sequence[int],
                padding: Sequence[tuple[int, int]], dilation: Sequence[int], groups: int = 1
                ) -> Array:  # fmt: skip
    """x (N, C, *sizes), w (c_out, C / groups, *kernel), one stride, dilation and padding a
    direction.
    """
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    (n, _, *sizes), (c_out, per_group, *kernel) = x.shape, w.shape
    outputs = [
        (size - d * (k - 1) - 1) // s + 1 for size, k, s, d in zip(sizes, kernel, stride, dilation)
    ]
    y = np.zeros((n, c_out, *outputs), x.dtype)
    for picture, o, cell in product(range(n), range(c_out), np.ndindex(*outputs)):
        group = o // (c_out // groups)
        total = 0.0 if bias is None else bias[o]
        for c, u in product(range(per_group), np.ndindex(*kernel)):
            at = tuple(s * i + d * j for s, i, d, j in zip(stride, cell, dilation, u))
            total += w[o, c][u] * x[picture, group * per_group + c][at]
        y[picture, o][cell] = total
    return y


def transposed(y: Array, w: Array, stride: int, padding: int) -> Array:
    """Every cell of y (N, c_out, H, W) stamps its kernel w (c_out, c_in, kh, kw) on the picture."""
    (n, c_out, height, width), (_, c_in, kh, kw) = y.shape, w.shape
    x = np.zeros((n, c_in, stride * (height - 1) + kh, stride * (width - 1) + kw), y.dtype)
    for picture, o, i, j in np.ndindex(n, c_out, height, width):
        for c, u, v in np.ndindex(c_in, kh, kw):
            x[picture, c, stride * i + u, stride * j + v] += w[o, c, u, v] * y[picture, o, i, j]
    return x[:, :, padding : x.shape[2] - padding, padding : x.shape[3] - padding]


def pool(x: Array, kernel: tuple[int, int], stride: tuple[int, int], padding: int, fill: float,
         reduce: Callable[[Array], float]) -> Array:  # fmt: skip
    """reduce of every window of x (N, C, H, W) behind `padding` cells of `fill` on each side."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)], constant_values=fill)
    (n, c, height, width), (kh, kw), (sh, sw) = x.shape, kernel, stride
    y = np.zeros((n, c, (height - kh) // sh + 1, (width - kw) // sw + 1), x.dtype)
    for picture, channel, i, j in np.ndindex(y.shape):
        window = x[picture, channel, sh * i : sh * i + kh, sw * j : sw * j + kw]
        y[picture, channel, i, j] = reduce(window)
    return y


def local_response_norm(a: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """b_i = a_i / (k + alpha * sum of a_j^2 for j from i - size // 2 on, size of them)^beta."""
    b = np.zeros_like(a)
    for n, i, y, x in np.ndindex(a.shape):
        low = max(0, i - size // 2)
        around = a[n, low : i - size // 2 + size, y, x]
        b[n, i, y, x] = a[n, i, y, x] / (k + alpha * (around**2).sum()) ** beta
    return b


def channel_shuffle(x: Array, groups: int) -> Array:
    """y[i * groups + g] = x[g * n + i], n channels a group."""
    n = x.shape[1] // groups
    y = np.zeros_like(x)
    for g, i in np.ndindex(groups, n):
        y[:, i * groups + g] = x[:, g * n + i]
    return y
