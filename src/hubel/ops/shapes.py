"""What each function of the framework does to the shape and to the geometry of a tensor, and its
MACs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from hubel.ops.geometry import Axis, Place, cells, spread_cells

Outcome = tuple[
    tuple[int, ...] | None, Place | None, int
]  # shape (None: ask the framework), place, MACs


def place_of(x: Any) -> Place | None:
    """The place that the account wrote on a tensor."""
    return getattr(x, "place", None)


def _pair(x: Any) -> tuple[Any, Any]:
    return (x[0], x[-1]) if isinstance(x, (tuple, list)) else (x, x)


def _slide(x: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool = False):
    kernel, stride, dilation = _pair(kernel), _pair(stride), _pair(dilation)
    if isinstance(padding, str):
        total = [d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilation)]
        before = [t // 2 for t in total]
    else:
        before = list(_pair(padding))
        total = [2 * p for p in before]
    sizes = tuple(
        cells(n, k, s, t, d, ceil)
        for n, k, s, t, d in zip(x.shape[-2:], kernel, stride, total, dilation)
    )
    place = place_of(x)
    if place is not None:
        axes = zip((place.rows, place.columns), sizes, kernel, stride, before, dilation)
        place = place.over(*(axis.window(n, k, s, b, d) for axis, n, k, s, b, d in axes))
    return sizes, place


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> Outcome:
    """MACs: outputs x (c_in / groups) x kernel."""
    if input.shape[-3] != weight.shape[1] * groups:
        raise ValueError(
            f"{input.shape[-3]} channels where {weight.shape[1] * groups} are expected"
        )
    sizes, place = _slide(input, tuple(weight.shape[2:]), stride, padding, dilation)
    shape = (*input.shape[:-3], weight.shape[0], *sizes)
    return shape, place, math.prod(shape[-3:]) * math.prod(weight.shape[1:])


def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
) -> Outcome:
    """MACs: inputs x (c_out / groups) x kernel."""
    sizes, axes = [], []
    place = place_of(input)
    before = (place.rows, place.columns) if place else (None, None)
    terms = map(_pair, (stride, padding, output_padding, dilation))
    for n, k, s, p, extra, d, axis in zip(input.shape[-2:], weight.shape[2:], *terms, before):
        size = spread_cells(n, k, s, p, extra, d)
        sizes.append(size)
        if axis:
            axes.append(axis.spread(size, k, s, p, d))
    shape = (*input.shape[:-3], weight.shape[1] * groups, *sizes)
    macs = math.prod(input.shape[-3:]) * math.prod(weight.shape[1:])
    return shape, place.over(*axes) if place else None, macs


def linear(input, weight, bias=None) -> Outcome:
    """MACs: outputs x features in."""
    if input.shape[-1] != weight.shape[1]:
        raise ValueError(f"{input.shape[-1]} features where {weight.shape[1]} are expected")
    shape = (*input.shape[:-1], weight.shape[0])
    return shape, place_of(input), math.prod(shape[1:]) * weight.shape[1]


def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
) -> Outcome:
    """A window that takes the maximum."""
    sizes, place = _slide(input, kernel_size, stride or kernel_size, padding, dilation, ceil_mode)
    return (*input.shape[:-2], *sizes), place, 0


def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
) -> Outcome:  # fmt: skip
    """A window that takes the mean."""
    sizes, place = _slide(input, kernel_size, stride or kernel_size, padding, 1, ceil_mode)
    return (*input.shape[:-2], *sizes), place, 0


def adaptive_pool2d(input, output_size, return_indices=False) -> Outcome:
    """Bins of nearly equal size."""
    place, wanted = place_of(input), _pair(output_size)
    sizes = tuple(n if n is not None else old for n, old in zip(wanted, input.shape[-2:]))
    if place is not None:
        place = place.over(place.rows.bins(sizes[0]), place.columns.bins(sizes[1]))
    return (*input.shape[:-2], *sizes), place, 0


def same(input, *args, **kwargs) -> Outcome:
    """One number for one number: activations, norms, dropout."""
    return tuple(input.shape), place_of(input), 0


def joined(tensors: Iterable[Any], shape: tuple[int, ...]) -> Place | None:
    """The union of what several tensors see, each as large as the result.

    A gate of one number per channel is left out: it would make every field the whole picture.
    """
    places = [p for p in map(place_of, tensors) if p is not None]
    full = [
        p for p in places
        if p.at is None or (p.rows.size, p.columns.size) == tuple(shape[d] for d in p.at)
    ]  # fmt: skip
    if not full or any(p.at != full[0].at for p in full):
        return None

    def union(axes: list[Axis]) -> Axis:
        first = axes[0]
        if all(axis == first for axis in axes):
            return first
        low = min(axis.offset - axis.field / 2 for axis in axes)
        high = max(axis.offset + axis.field / 2 for axis in axes)
        return Axis(first.size, first.jump, (low + high) / 2, high - low)

    return full[0].over(union([p.rows for p in full]), union([p.columns for p in full]))


def elementwise(input, other, *args, **kwargs) -> Outcome:
    """Two tensors, number by number, with broadcasting."""
    a, b = (tuple(x.shape) if isinstance(x, Tensor) else () for x in (input, other))
    shape = a if a == b else tuple(torch.broadcast_shapes(a, b))
    return shape, joined((input, other), shape), 0


def cat(tensors, dim=0) -> Outcome:
    """One after the other along a dimension."""
    shapes = [tuple(x.shape) for x in tensors]
    dim %= len(shapes[0])
    rest = {(*shape[:dim], *shape[dim + 1 :]) for shape in shapes}
    if len(rest) > 1:
        raise ValueError(f"shapes {shapes} cannot be put side by side along dimension {dim}")
    first = shapes[0]
    shape = (*first[:dim], sum(shape[dim] for shape in shapes), *first[dim + 1 :])
    return shape, joined(tensors, shape), 0


def flatten(input, start_dim=0, end_dim=-1) -> Outcome:
    """Several dimensions made one."""
    start, end = start_dim % input.ndim, end_dim % input.ndim
    shape = tuple(input.shape)
    shape = (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
    place = place_of(input)
    return shape, place and place.whole(), 0


def reduced(input, dim=None, keepdim=False, **kwargs) -> Outcome:
    """A mean or a sum; over both axes of the map it sees the whole picture."""
    n = input.ndim
    dims = {
        d % n
        for d in (dim if isinstance(dim, (tuple, list)) else range(n) if dim is None else [dim])
    }
    kept = [1 if d in dims else size for d, size in enumerate(input.shape)]
    shape = tuple(size for d, size in enumerate(kept) if keepdim or d not in dims)
    place = place_of(input)
    if place is not None and place.at is not None:
        axes = [d % n for d in place.at]
        if dims.issuperset(axes):
            place = (
                place.whole()
                if not keepdim
                else place.over(place.rows.bins(1), place.columns.bins(1))
            )
        elif dims.intersection(axes):
            return shape, None, 0
        elif not keepdim:
            rows, columns = (sum(e not in dims for e in range(d)) - len(shape) for d in axes)
            place = replace(place, at=(rows, columns))
    return shape, place, 0


def pad(input, pad, mode="constant", value=None) -> Outcome:
    """More cells on the sides."""
    place = place_of(input)
    if place is None or place.at != (-2, -1):
        return None, None, 0
    (left, right, top, bottom) = (*pad[:4], 0, 0, 0, 0)[:4]
    rows = replace(
        place.rows,
        size=place.rows.size + top + bottom,
        offset=place.rows.offset - top * place.rows.jump,
    )
    columns = replace(
        place.columns,
        size=place.columns.size + left + right,
        offset=place.columns.offset - left * place.columns.jump,
    )
    return None, place.over(rows, columns), 0


def getitem(input, index) -> Outcome:
    """Slices with a start and a step."""
    place = place_of(input)
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(not isinstance(part, slice) and part is not Ellipsis for part in parts):
        return None, None, 0
    if Ellipsis in parts:
        i = parts.index(Ellipsis)
        parts[i : i + 1] = [slice(None)] * (input.ndim - len(parts) + 1)
    parts += [slice(None)] * (input.ndim - len(parts))
    if place is None or place.at is None:
        return None, place, 0

    def sliced(axis: Axis, part: slice) -> Axis:
        start, stop, step = part.indices(axis.size)
        size = len(range(start, stop, step))
        return Axis(size, axis.jump * step, axis.offset + start * axis.jump, axis.field)

    rows, columns = (parts[d] for d in place.at)
    return None, place.over(sliced(place.rows, rows), sliced(place.columns, columns)), 0


def permute(input, *dims) -> Outcome:
    """Other order of the dimensions."""
    place = place_of(input)
    order = dims[0] if isinstance(dims[0], (tuple, list)) else dims
    if place is None or place.at is None:
        return None, place, 0
    order = [d % input.ndim for d in order]
    rows, columns = (order.index(d % input.ndim) - input.ndim for d in place.at)
    return None, replace(place, at=(rows, columns)), 0


def transpose(input, dim0, dim1) -> Outcome:
    """Two dimensions exchanged."""
    order = list(range(input.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(input, order)


def interpolate(input, size=None, scale_factor=None, *args, **kwargs) -> Outcome:
    """The same pixels in more or fewer cells."""
    place = place_of(input)
    if size is None:
        size = [int(n * f) for n, f in zip(input.shape[-2:], _pair(scale_factor))]
    rows, columns = _pair(size)
    shape = (*input.shape[:-2], rows, columns)
    return shape, place and place.over(place.rows.zoomed(rows), place.columns.zoomed(columns)), 0


def pixel_shuffle(input, upscale_factor) -> Outcome:
    """The channels of a cell become cells within it, each of which sees what the cell saw."""
    n, (c, h, w), place = upscale_factor, input.shape[-3:], place_of(input)
    shape = (*input.shape[:-3], c // n**2, h * n, w * n)
    return shape, place and place.over(place.rows.zoomed(h * n), place.columns.zoomed(w * n)), 0


SAME = """
relu relu_ relu6 leaky_relu elu gelu silu hardswish hardsigmoid sigmoid tanh softmax softplus
mish celu selu batch_norm layer_norm group_norm instance_norm local_response_norm dropout
dropout2d contiguous clone square abs exp log sqrt pow clamp neg __neg__
"""
PAIRS = """
add add_ __add__ __radd__ __iadd__ sub __sub__ __rsub__ mul __mul__ __rmul__ div __truediv__
"""

RULES: Mapping[str, Callable[..., Outcome]] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "linear": linear,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "adaptive_avg_pool2d": adaptive_pool2d,
    "adaptive_max_pool2d": adaptive_pool2d,
    "cat": cat,
    "flatten": flatten,
    "mean": reduced,
    "sum": reduced,
    "pad": pad,
    "__getitem__": getitem,
    "permute": permute,
    "transpose": transpose,
    "interpolate": interpolate,
    "pixel_shuffle": pixel_shuffle,
    **dict.fromkeys(SAME.split(), same),
    **dict.fromkeys(PAIRS.split(), elementwise),
}
