"""The arithmetic of layers as one writes them: weights, sizes, costs, what a cell sees.

`arithmetic("Conv2d(3, 64, 3, padding=1)", (3, 32, 32))` works on numbers alone: no framework, and
nothing of the text is run.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hubel.analysis.layers import LAYERS, Count, Map, by
from hubel.ops.geometry import Axis
from hubel.runtime.names import unknown


@dataclass(frozen=True)
class Arithmetic:
    """Layers one after the other."""

    layers: tuple[Count, ...]

    @property
    def params(self) -> int:
        """Weights and biases of all layers."""
        return sum(count.params for count in self.layers)

    @property
    def macs(self) -> int:
        """Multiplications of all layers for one input."""
        return sum(count.macs for count in self.layers)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing besides, each a sentence."""
        return (*filter(None, (count.note for count in self.layers)), *self._instead())

    def _instead(self) -> list[str]:
        """A stack of plain convolutions against the one layer that sees as much."""
        last = self.layers[-1].axes
        if len(self.layers) < 2 or not last or any(axis.jump != 1 for axis in last):
            return []
        if not all(count.kernel for count in self.layers):
            return []
        stack = sum(math.prod(count.kernel) for count in self.layers)
        seen = [round(axis.field) for axis in last]
        return [
            f"Together they see {by(seen)}, as one {by(seen)} convolution does, "
            f"with {stack} instead of {math.prod(seen)} weights a channel pair."
        ]


def arithmetic(text: str, size: Sequence[int]) -> Arithmetic:
    """The arithmetic of the layers in `text` (several with | or commas) on an input of `size`.

    `size` is (C, H, W) for 2-D layers, (C, L) and (C, D, H, W) for 1-D and 3-D ones, (F,) for
    Linear. Raises ValueError for unknown layers and arguments, with the nearest names, and where a
    layer does not fit its input, with the rule.
    """
    shape = tuple(size)
    if not shape or any(type(n) is not int or n < 1 for n in shape):
        raise ValueError(f"input {by(shape)}: it takes whole numbers of at least 1, as 3x32x32")
    x = Map(shape, tuple(Axis(n) for n in shape[1:]) or None)
    counts = []
    for layer, make in parsed(text):
        try:
            count = make(x, layer)
        except ValueError as error:
            raise ValueError(f"{layer} on {by(x.shape)}: {error}") from None
        counts.append(count)
        x = Map(count.output, count.axes)
    return Arithmetic(tuple(counts))


# What is written


def parsed(text: str) -> list[tuple[str, partial[Count]]]:
    """Each layer as (it was written, its function with the arguments bound)."""
    example = "write it as Conv2d(64, 128, 3, padding=1)"
    try:
        tree = ast.parse(text.strip()[:10_000], mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ValueError(f"{text!r} cannot be read ({reason}); {example}") from None
    found = []
    for node in _chain(tree):
        words = ast.unparse(node)
        if not isinstance(node, ast.Call):
            raise ValueError(f"{words!r} is no layer; {example}")
        # nn.Conv2d(...) as copied from a program is Conv2d(...).
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if name not in LAYERS:
            raise unknown("layer", name, LAYERS)
        found.append((words, _bound(name, node)))
    return found


def _chain(node: ast.expr) -> list[ast.expr]:
    """The layers of "a | b" and of "a, b", in order."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_chain(node.left), *_chain(node.right)]
    if isinstance(node, (ast.Tuple, ast.List)):
        return [part for element in node.elts for part in _chain(element)]
    return [node]


ALIASES = {
    "in_channels": "c_in",
    "out_channels": "c_out",
    "in_features": "c_in",
    "out_features": "c_out",
    "kernel_size": "kernel",
}


def _bound(name: str, node: ast.Call) -> partial[Count]:
    make = LAYERS[name]
    taken = [p for p in list(inspect.signature(make).parameters)[2:] if p != "dims"]
    if len(node.args) > len(taken):
        raise ValueError(f"{name} takes {len(taken)} arguments ({', '.join(taken)})")
    given = {word: _value(name, word, value) for word, value in zip(taken, node.args)}
    for keyword in node.keywords:
        word = ALIASES.get(keyword.arg or "**", keyword.arg or "**")
        if word not in taken:
            raise unknown(f"argument of {name}", word, taken)
        if word in given:
            raise ValueError(f"{name} was given {word} twice")
        given[word] = _value(name, word, keyword.value)
    try:
        inspect.signature(make).bind(None, "", **given)
    except TypeError as error:
        raise ValueError(f"{name}: {error}; it takes {', '.join(taken)}") from None
    return partial(make, **given)


def _value(name: str, word: str, node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(f"{name}: {word}={ast.unparse(node)} is no number, pair or text") from None
