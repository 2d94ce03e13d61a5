"""The maps that any module gives on its way, where they stand over the picture, and which counts.

One rule finds the layer to explain, for every network: the last map of more than one cell in each
direction, before pooling makes it coarser. In a network that ends in global pooling this is the
last stage; in one with dense layers (LeNet, AlexNet, VGG) the last convolution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.networks import Network
from hubel.ops.account import account
from hubel.ops.geometry import Axis

POOLING = (
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.LPPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)
BACKBONE = "backbone"
"""What the modules of tasks call the network below their heads."""
PASSING = (nn.Dropout, nn.Dropout2d, nn.Identity)

Heat = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Map:
    """A map (N, C, H, W) within the graph, the module that gave it, and whether by pooling."""

    name: str
    values: Tensor
    pooled: bool

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[-2], self.values.shape[-1]


@contextmanager
def watching(module: nn.Module) -> Iterator[list[Map]]:
    """The maps of more than one cell in the order in which the modules of a pass give them.

    A map that several modules hand on is told once, by the shortest name below the top.
    """
    found: list[Map] = []

    def note(name: str, part: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        if not isinstance(out, Tensor) or out.ndim != 4 or min(out.shape[-2:]) < 2:
            return
        seen = [i for i, m in enumerate(found) if m.values is out]
        if seen:
            before = found.pop(seen[0])
            shorter = "." in name or "." not in before.name
            found.append(Map(name if shorter else before.name, out, before.pooled))
            return
        came = [m.pooled for m in found if inputs and m.values is inputs[0]]
        pooled = isinstance(part, POOLING) or (isinstance(part, PASSING) and any(came))
        found.append(Map(name, out, pooled))

    def hook(name: str):
        return lambda part, inputs, out: note(name, part, inputs, out)

    hooks = [p.register_forward_hook(hook(name)) for name, p in module.named_modules() if name]
    try:
        yield found
    finally:
        for one in hooks:
            one.remove()


def passed(module: nn.Module, x: Tensor) -> tuple[Tensor, list[Map]]:
    """The module's output for pictures (N, C, H, W) within a graph, and its maps."""
    with torch.enable_grad(), watching(module) as found:
        out = module(x if x.requires_grad else x.detach().requires_grad_())
    return out, found


def deepest(maps: list[Map]) -> Map:
    """The map to explain; ValueError for a network that has none.

    Under a task with heads of its own it is the backbone's, which all of them look at.
    """
    body = [found for found in maps if BACKBONE in found.name.split(".")[:-1]]
    for found in reversed(body or maps):
        if not found.pooled and found.values.requires_grad:
            return found
    raise ValueError(
        "no module of this network gives a map (N, C, H, W) of more than one cell, so there is "
        "nothing to point at; give larger pictures or a convolutional network"
    )


def stages(module: nn.Module, maps: list[Map]) -> list[Map]:
    """The last map of every size, before pooling, in the order of the pass.

    Of a network of the catalogue, the rows of its table count, not what is inside of blocks.
    """
    last: dict[tuple[int, int], Map] = {}
    for found in maps:
        row = re.fullmatch(r"(stem|stages)(\.\d+)?", found.name)
        if not found.pooled and (row or not isinstance(module, Network)):
            last.pop(found.cells, None)
            last[found.cells] = found
    return list(last.values())


def axes(module: nn.Module, name: str, size: tuple[int, int, int], cells: tuple[int, int]):
    """(rows, columns) of the map that the named module gives for a picture (C, H, W).

    Where the account cannot follow a module, the cells are spread evenly over the picture.
    """
    try:
        place = account(module, size).places.get(name)
    except (ValueError, RuntimeError, TypeError):
        place = None
    if place is not None and place.at is not None:
        return place.rows, place.columns
    even = []
    for cell, side in zip(cells, size[1:]):
        jump = side / cell
        even.append(Axis(cell, jump, (jump - 1) / 2, float("nan")))
    return even[0], even[1]


def spread(heat: Heat, rows: Axis, columns: Axis, size: tuple[int, int]) -> Heat:
    """(..., h, w) at the centres of its cells -> (..., H, W), linear between them.

    The centre of cell i stands at pixel offset + i * jump, so that valid padding moves nothing.
    """
    for axis, where, side in ((-2, rows, size[0]), (-1, columns, size[1])):
        place = np.clip((np.arange(side) - where.offset) / where.jump, 0, heat.shape[axis] - 1)
        low = np.minimum(place.astype(int), max(heat.shape[axis] - 2, 0))
        high = np.minimum(low + 1, heat.shape[axis] - 1)
        share = (place - low).reshape((-1, 1) if axis == -2 else (-1,))
        heat = np.take(heat, low, axis) * (1 - share) + np.take(heat, high, axis) * share
    return heat.astype(np.float32)
