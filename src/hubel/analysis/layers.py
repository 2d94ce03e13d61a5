"""What each layer gives, holds and costs, as plain arithmetic without the framework.

Every function takes the map that comes in, the layer as it was written, and the layer's arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hubel.ops.geometry import Axis, cells, spread_cells


@dataclass(frozen=True)
class Map:
    """What goes from layer to layer: (C, *sizes) over the input, or a vector (axes is None)."""

    shape: tuple[int, ...]
    axes: tuple[Axis, ...] | None


@dataclass(frozen=True)
class Count:
    """One layer: what it gives, holds and costs; `size_rule` and `weight_rule` say how that came.

    `axes` say what a cell of its output sees of the first input; None after the whole was mixed.
    """

    layer: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    weights: int
    biases: int
    macs: int
    axes: tuple[Axis, ...] | None
    size_rule: str = ""
    weight_rule: str = ""
    kernel: tuple[int, ...] = ()  # of a full convolution only
    note: str = ""

    @property
    def params(self) -> int:
        """Weights and biases."""
        return self.weights + self.biases

    @property
    def flops(self) -> int:
        """Two a MAC."""
        return 2 * self.macs


def by(numbers: Sequence[float]) -> str:
    """(3, 32, 32) -> "3x32x32"."""
    return "x".join(f"{n:g}" if isinstance(n, float) else str(n) for n in numbers)


def _whole(word: str, value: Any, least: int = 1) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{word}={value!r}: it takes a whole number of at least {least}")
    return value


def _each(word: str, value: Any, dims: int, least: int = 1) -> tuple[int, ...]:
    """One number for every direction, or a tuple of them."""
    values = value if isinstance(value, (tuple, list)) else (value,) * dims
    if len(values) != dims:
        raise ValueError(f"{word}={value!r}: it takes one number, or {dims} of them")
    return tuple(_whole(word, v, least) for v in values)


def _spread_over(x: Map, dims: int) -> tuple[Axis, ...]:
    if x.axes is None or len(x.axes) != dims:
        form = ("C", *("DHW"[-dims:] if dims > 1 else "L"))
        raise ValueError(f"it takes an input of {'x'.join(form)}")
    return x.axes


def _slid(
    axes: tuple[Axis, ...], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> tuple[tuple[int, ...], tuple[Axis, ...], str]:
    """The window's own size, the axes that it gives, and the rule in numbers."""
    dims = len(axes)
    kernel = _each("kernel", kernel, dims)
    stride = _each("stride", stride, dims)
    dilation = _each("dilation", dilation, dims)
    if not isinstance(padding, str):
        padding = _each("padding", padding, dims, 0)
    elif padding not in ("same", "valid"):
        raise ValueError(f"padding={padding!r}: it takes a number, 'same' or 'valid'")
    given, rules = [], []
    for i, (axis, k, s, d) in enumerate(zip(axes, kernel, stride, dilation)):
        reach = d * (k - 1) + 1
        if padding == "same":
            pad = max((-(-axis.size // s) - 1) * s + reach - axis.size, 0)
            before = pad // 2
        else:
            before = 0 if padding == "valid" else padding[i]
            pad = 2 * before
        size = cells(axis.size, k, s, pad, d, ceil)
        given.append(axis.window(size, k, s, before, d))
        rounded = "ceil" if ceil else "floor"
        rules.append(f"{rounded}(({axis.size} + {pad} - {reach}) / {s}) + 1 = {size}")
    return kernel, tuple(given), "; ".join(dict.fromkeys(rules))


def conv(
    x: Map, layer: str, c_in, c_out, kernel, stride=1, padding=0, dilation=1, groups=1, bias=True,
    *, dims: int,
) -> Count:  # fmt: skip
    """Weights: c_out x c_in / groups x kernel; MACs: the weights of a kernel at every output."""
    axes = _spread_over(x, dims)
    _channels(x, c_in)
    _grouped(c_in, c_out, groups)
    kernel, axes, rule = _slid(axes, kernel, stride, padding, dilation, False)
    shape = (c_out, *(axis.size for axis in axes))
    one = (c_in // groups, *kernel)
    return Count(
        layer,
        x.shape,
        shape,
        weights=c_out * math.prod(one),
        biases=c_out * bool(bias),
        macs=math.prod(shape) * math.prod(one),
        axes=axes,
        size_rule=rule,
        weight_rule=_kernels(c_out, one),
        kernel=kernel if groups == 1 else (),
    )


def depthwise(
    x: Map, layer: str, c_in, kernel, stride=1, padding=0, dilation=1, bias=True, *, dims: int
) -> Count:
    """One kernel a channel: conv with groups = c_in = c_out."""
    return conv(x, layer, c_in, c_in, kernel, stride, padding, dilation, c_in, bias, dims=dims)


def separable(
    x: Map, layer: str, c_in, c_out, kernel, stride=1, padding=0, dilation=1, bias=True,
    *, dims: int,
) -> Count:  # fmt: skip
    """Depthwise, then 1x1 (with the biases): 1 / c_out + 1 / kernel of the full one's cost."""
    slide = (kernel, stride, padding, dilation)
    full = conv(x, layer, c_in, c_out, *slide, dims=dims)
    first = depthwise(x, layer, c_in, *slide, bias=False, dims=dims)
    second = conv(Map(first.output, first.axes), layer, c_in, c_out, 1, bias=bias, dims=dims)
    macs, area = first.macs + second.macs, math.prod(full.kernel)
    return Count(
        layer,
        x.shape,
        second.output,
        weights=first.weights + second.weights,
        biases=second.biases,
        macs=macs,
        axes=second.axes,
        size_rule=first.size_rule,
        weight_rule=f"{first.weight_rule}, then {second.weight_rule}",
        note=f"It costs {macs / full.macs:.2%} of the full {by(full.kernel)} convolution with its "
        f"{full.macs:,} MACs: 1/{c_out} + 1/{area}.",
    )


def transposed(
    x: Map, layer: str, c_in, c_out, kernel, stride=1, padding=0, output_padding=0, groups=1,
    bias=True, dilation=1, *, dims: int,
) -> Count:  # fmt: skip
    """MACs: the weights of a kernel at every input."""
    axes = _spread_over(x, dims)
    _channels(x, c_in)
    _grouped(c_in, c_out, groups)
    kernel = _each("kernel", kernel, dims)
    terms = zip(
        kernel,
        _each("stride", stride, dims),
        _each("padding", padding, dims, 0),
        _each("output_padding", output_padding, dims, 0),
        _each("dilation", dilation, dims),
    )
    given, rules = [], []
    for axis, (k, s, p, extra, d) in zip(axes, terms):
        size = spread_cells(axis.size, k, s, p, extra, d)
        rule = f"({axis.size} - 1) x {s} - {2 * p} + {d * (k - 1) + 1 + extra} = {size}"
        if size < 1:
            raise ValueError(f"nothing is left: {rule}")
        if extra >= max(s, d):
            raise ValueError(f"output_padding={extra}: it is smaller than the stride or dilation")
        given.append(axis.spread(size, k, s, p, d))
        rules.append(rule)
    one = (c_out // groups, *kernel)
    return Count(
        layer,
        x.shape,
        (c_out, *(axis.size for axis in given)),
        weights=c_in * math.prod(one),
        biases=c_out * bool(bias),
        macs=math.prod(x.shape) * math.prod(one),
        axes=tuple(given),
        size_rule="; ".join(dict.fromkeys(rules)),
        weight_rule=_kernels(c_in, one),
    )


def pooling(
    x: Map, layer: str, kernel, stride=None, padding=0, dilation=1, ceil_mode=False, *, dims: int
) -> Count:
    """The largest of every window; nothing is learned or multiplied. stride: the kernel's size."""
    axes = _spread_over(x, dims)
    stride = kernel if stride is None else stride
    kernel, axes, rule = _slid(axes, kernel, stride, padding, dilation, bool(ceil_mode))
    shape = (x.shape[0], *(axis.size for axis in axes))
    return Count(layer, x.shape, shape, 0, 0, 0, axes, rule)


def averaging(
    x: Map, layer: str, kernel, stride=None, padding=0, ceil_mode=False, *, dims: int
) -> Count:
    """The mean of every window."""
    return pooling(x, layer, kernel, stride, padding, 1, ceil_mode, dims=dims)


def upsample(x: Map, layer: str, size=None, scale_factor=None, mode="nearest") -> Count:
    """More cells over the same pixels: `size` of them, or `scale_factor` times as many."""
    if x.axes is None or (size is None) == (scale_factor is None):
        raise ValueError("it takes a map, and either size or scale_factor, as scale_factor=2")
    dims = len(x.axes)
    if size is None:
        factors = _each("scale_factor", scale_factor, dims)
        sizes = tuple(axis.size * f for axis, f in zip(x.axes, factors))
    else:
        sizes = _each("size", size, dims)
    axes = tuple(axis.zoomed(n) for axis, n in zip(x.axes, sizes))
    rules = (f"{axis.size} cells become {n}" for axis, n in zip(x.axes, sizes))
    rule = "; ".join(dict.fromkeys(rules))
    return Count(layer, x.shape, (x.shape[0], *sizes), 0, 0, 0, axes, rule)


def shuffle(x: Map, layer: str, groups) -> Count:
    """Channel g * n + i becomes channel i * groups + g, for n channels a group."""
    if x.shape[0] % _whole("groups", groups):
        raise ValueError(f"groups={groups}: it divides the {x.shape[0]} channels")
    return Count(layer, x.shape, x.shape, 0, 0, 0, x.axes, "other order of the channels")


def flatten(x: Map, layer: str) -> Count:
    """All values in one vector."""
    size = math.prod(x.shape)
    return Count(layer, x.shape, (size,), 0, 0, 0, None, f"{by(x.shape)} = {size}")


def linear(x: Map, layer: str, c_in, c_out, bias=True) -> Count:
    """Weights and MACs: c_out x c_in."""
    _whole("c_in", c_in)
    _whole("c_out", c_out)
    if len(x.shape) > 1:
        raise ValueError(f"it takes a vector; Flatten() | {layer} makes one of it")
    if x.shape[0] != c_in:
        raise ValueError(f"it takes {c_in} numbers and the input has {x.shape[0]}; they are equal")
    weights = c_in * c_out
    rule = f"{c_out} rows of {c_in}"
    return Count(
        layer, x.shape, (c_out,), weights, c_out * bool(bias), weights, None, weight_rule=rule
    )


def _kernels(count: int, one: Sequence[int]) -> str:
    return f"{count} kernel{'s' if count > 1 else ''} of {by(one)}"


def _channels(x: Map, c_in: Any) -> None:
    if x.shape[0] != _whole("c_in", c_in):
        raise ValueError(
            f"it takes {c_in} channels and the input has {x.shape[0]}; c_in equals the channels of "
            "the input"
        )


def _grouped(c_in: int, c_out: Any, groups: Any) -> None:
    _whole("c_out", c_out)
    if c_in % _whole("groups", groups) or c_out % groups:
        raise ValueError(f"groups={groups}: it divides both c_in={c_in} and c_out={c_out}")


FORMS: dict[str, Callable[..., Count]] = {
    "Conv": conv,
    "ConvTranspose": transposed,
    "DepthwiseConv": depthwise,
    "SeparableConv": separable,
    "MaxPool": pooling,
    "AvgPool": averaging,
}
LAYERS: dict[str, Callable[..., Count]] = {
    **{f"{n}{d}d": partial(make, dims=d) for n, make in FORMS.items() for d in (1, 2, 3)},
    "Upsample": upsample,
    "ChannelShuffle": shuffle,
    "Flatten": flatten,
    "Linear": linear,
}
