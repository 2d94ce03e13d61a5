"""Layers on numbers: a kernel over a picture, and the ways that lead through a stack.

Plain loops over numpy arrays, for pictures that one can look at; no framework.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.analysis.arithmetic import arithmetic, parsed
from hubel.analysis.layers import by
from hubel.ops import loops

Grid = NDArray[np.float64]
LARGEST = 64  # cells a side that loops are used for


@dataclass(frozen=True)
class Step:
    """One layer of a stack: as it was written, its form ("conv", "transposed", ...), its words."""

    layer: str
    form: str
    words: Mapping[str, Any]

    def pair(self, word: str) -> tuple[int, int]:
        """One number or two, as two."""
        value = self.words[word]
        return (value[0], value[-1]) if isinstance(value, (tuple, list)) else (value, value)


def steps(text: str) -> list[Step]:
    """The layers in `text` with all their arguments. ValueError as of `arithmetic`."""
    found = []
    for layer, make in parsed(text):
        bound = inspect.signature(make.func).bind(None, "", **make.keywords)
        bound.apply_defaults()
        found.append(Step(layer, make.func.__name__, bound.arguments))
    return found


def grid(text: str) -> Grid:
    """ "1 2; 3 4" -> [[1, 2], [3, 4]]; ValueError for what is no rectangle of numbers."""
    try:
        rows = [[float(cell) for cell in row.replace(",", " ").split()] for row in text.split(";")]
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}; write rows of numbers as '1 2; 3 4'") from None
    if not rows[0] or len({len(row) for row in rows}) > 1 or not np.isfinite(rows).all():
        raise ValueError(f"{text!r}: rows of equal length and finite numbers, as '1 2; 3 4'")
    if max(len(rows), len(rows[0])) > LARGEST:
        raise ValueError(f"{len(rows)}x{len(rows[0])} cells: at most {LARGEST} a side")
    return np.array(rows)


def values(text: str, picture: Grid, kernel: Grid) -> Grid:
    """What the layers, of one channel and without biases, make of a picture with this kernel.

    Raises ValueError for a layer of more channels or another kernel.
    """
    counts = arithmetic(text, (1, *picture.shape)).layers
    if any(count.output[0] != 1 for count in counts):
        raise ValueError(f"{text}: numbers go through layers of one channel, as Conv2d(1, 1, 3)")
    for step in steps(text):
        if "kernel" in step.words and step.pair("kernel") != kernel.shape:
            size = by(step.pair("kernel"))
            raise ValueError(
                f"{step.layer} has a kernel of {size}, given is one of {by(kernel.shape)}"
            )
        picture = _through(step, picture, kernel)
    return picture


def overlaps(text: str, size: Sequence[int]) -> Grid:
    """How many products are summed up in each cell of the output, for an input of `size`."""
    counts = arithmetic(text, size).layers
    widest = max(max(count.output[1:], default=0) for count in counts)
    if len(size) != 3 or max(widest, *size[1:]) > LARGEST:
        raise ValueError(f"{by(size)}: overlaps are counted on CxHxW of at most {LARGEST} a side")
    ways = np.ones(size[1:])
    for step in steps(text):
        ways = _through(step, ways, np.ones(step.pair("kernel") if "kernel" in step.words else 1))
    return ways


def seen(text: str) -> Grid:
    """How many ways lead from each cell of the input to one cell of the output: 0 is a hole.

    The grid is the receptive field. Raises ValueError where it is more than 64 cells wide.
    """
    ways = np.ones((1, 1))
    for step in reversed(steps(text)):
        if step.form not in ("conv", "depthwise", "separable", "pooling", "averaging"):
            raise ValueError(f"{step.layer}: what is seen is drawn of convolutions and poolings")
        stride = step.words["stride"] if step.words["stride"] is not None else step.words["kernel"]
        window = _holed(np.ones(step.pair("kernel")), step.words.get("dilation", 1))
        ways = _spread(ways, window, stride, 0)
        if max(ways.shape) > LARGEST:
            raise ValueError(f"{by(ways.shape)} cells are seen: at most {LARGEST} a side are drawn")
    return ways


@dataclass(frozen=True)
class Link:
    """Which channel feeds which: (in, out) pairs of one layer, and its window ("3x3", "")."""

    layer: str
    window: str
    channels: tuple[int, int]
    pairs: tuple[tuple[int, int], ...]


def links(text: str, size: Sequence[int]) -> list[Link]:
    """The connections of every layer, channel to channel; a separable layer is two."""
    found: list[Link] = []
    for step, count in zip(steps(text), arithmetic(text, size).layers):
        n, m = count.input[0], count.output[0]
        window = "x".join(map(str, step.pair("kernel"))) if "kernel" in step.words else ""
        if step.form == "linear" or step.form == "flatten":
            raise ValueError(f"{step.layer}: connections are drawn of maps, channel to channel")
        if step.form == "separable":
            each = tuple((i, i) for i in range(n))
            found.append(Link("depthwise", window, (n, n), each))
            found.append(Link("pointwise", "1x1", (n, m), _grouped(n, m, 1)))
            continue
        if step.form == "shuffle":
            groups = step.words["groups"]
            pairs = tuple((g * (n // groups) + i, i * groups + g)
                          for g in range(groups) for i in range(n // groups))  # fmt: skip
        elif step.form in ("conv", "transposed"):
            pairs = _grouped(n, m, step.words["groups"])
        else:
            pairs = tuple((i, i) for i in range(n))
        found.append(Link(step.layer, window, (n, m), pairs))
    return found


def _grouped(n: int, m: int, groups: int) -> tuple[tuple[int, int], ...]:
    a, b = n // groups, m // groups
    return tuple((i, o) for i in range(n) for o in range(m) if i // a == o // b)


def _through(step: Step, x: Grid, kernel: Grid) -> Grid:
    if step.form in ("conv", "depthwise"):
        stride, dilation, padding = (
            step.pair("stride"),
            step.pair("dilation"),
            step.words["padding"],
        )
        sides = list(zip(x.shape, kernel.shape, stride, dilation))
        if padding == "same":
            totals = [max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0) for n, k, s, d in sides]
        else:
            totals = [0, 0] if padding == "valid" else [2 * p for p in step.pair("padding")]
        around = [(total // 2, total - total // 2) for total in totals]
        return loops.convolution(
            x[None, None], kernel[None, None], stride=stride, padding=around, dilation=dilation
        )[0, 0]
    if step.form == "transposed" and not any(step.pair("output_padding")):
        window = _holed(kernel, step.words["dilation"])
        return _spread(x, window, step.words["stride"], step.words["padding"])
    if step.form == "upsample" and step.words["scale_factor"] and step.words["mode"] == "nearest":
        return np.kron(x, np.ones(step.pair("scale_factor"))).astype(np.float64)
    raise ValueError(
        f"{step.layer}: numbers go through Conv2d, ConvTranspose2d and nearest Upsample"
    )


def _spread(y: Grid, kernel: Grid, stride: Any, padding: Any) -> Grid:
    if len({*np.atleast_1d(stride)}) > 1 or len({*np.atleast_1d(padding)}) > 1:
        raise ValueError("strides and paddings are drawn where they are equal in both directions")
    s, p = int(np.max(stride)), int(np.max(padding))
    return loops.transposed(y[None, None], kernel[None, None], s, p)[0, 0]


def _holed(kernel: Grid, dilation: Any) -> Grid:
    """The kernel with zeros between its numbers."""
    d = np.broadcast_to(dilation, 2)
    spread = np.zeros([int(step) * (k - 1) + 1 for step, k in zip(d, kernel.shape)])
    spread[:: int(d[0]), :: int(d[1])] = kernel
    return spread


def said(numbers: Grid) -> list[str]:
    """Rows of numbers as text, in columns."""
    cells = [[number(x) for x in row] for row in numbers]
    width = max(len(cell) for row in cells for cell in row)
    return [" ".join(cell.rjust(width) for cell in row) for row in cells]


def number(x: float) -> str:
    """12.0 -> "12", 0.333333 -> "0.333"."""
    return f"{x + 0:g}" if x == int(x) else f"{x:.3g}"


def beside(picture: Grid, kernel: Grid, result: Grid) -> list[str]:
    """picture * kernel = result, side by side."""
    columns = [("picture", said(picture)), ("kernel", said(kernel)), ("result", said(result))]
    tall = max(len(rows) for _, rows in columns)
    padded = []
    for name, rows in columns:
        cells = [name, *rows, *[""] * (tall - len(rows))]
        padded.append([cell.ljust(max(map(len, cells))) for cell in cells])
    return ["   ".join(cells).rstrip() for cells in zip(*padded)]


def factored(kernel: Grid) -> str:
    """What `ops.factors` finds, in a sentence."""
    import torch

    from hubel.ops.convolution import factors

    try:
        column, row = factors(torch.from_numpy(kernel))
    except ValueError as error:
        return str(error)[0].upper() + str(error)[1:] + "."
    words = [" ".join(number(round(x, 10)) for x in part.tolist()) for part in (column, row)]
    return (
        f"The kernel is the column {words[0]} times the row {words[1]}: {sum(kernel.shape)} "
        f"instead of {math.prod(kernel.shape)} multiplications a cell."
    )
