"""What excites a channel: guided backpropagation from its strongest cell to the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from hubel.explain.maps import Heat, axes, deepest, passed
from hubel.ops.account import evaluating
from hubel.ops.geometry import Axis

RECTIFIERS = {"relu", "relu_", "relu6"}


class Guided(TorchFunctionMode):
    """Within it, every rectifier hands back g * [x > 0] * [g > 0].

    [x > 0] is the gradient of ReLU, [g > 0] the rule of the deconvnet (Zeiler, Fergus 2013); both
    together are guided backpropagation: Springenberg et al. 2014, arXiv 1412.6806, section 3.4.
    Other activations keep their gradient.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if _rectifies(name, *args, **kwargs) and out.requires_grad:
            out.register_hook(lambda g: g.clamp(min=0))
        return out


def _rectifies(name: str, x: Any = None, min_val: float = -1, *rest: Any, **others: Any) -> bool:
    """ReLU in any spelling; the framework's ReLU6 is a hardtanh from 0 on."""
    return name in RECTIFIERS or (name in ("hardtanh", "hardtanh_") and min_val == 0)


@dataclass(frozen=True, eq=False)
class Excited:
    """A channel at its strongest cell (row, column): what of the picture excited it.

    `box` (top, left, bottom, right) are the pixels that the cell can see; `reconstruction`
    (H, W, C) is the guided gradient over the whole picture.
    """

    channel: int
    strength: float
    cell: tuple[int, int]
    box: tuple[int, int, int, int]
    reconstruction: Heat


def excited(module: nn.Module, x: Tensor, channels: list[int]) -> list[Excited]:
    """What excites these channels of the explained layer in the picture x (C, H, W)."""
    source = x[None].detach().requires_grad_()
    with evaluating(module), Guided():
        layer = deepest(passed(module, source)[1])
    size = (x.shape[0], x.shape[1], x.shape[2])
    rows, columns = axes(module, layer.name, size, layer.cells)
    found = []
    for channel in channels:
        values = layer.values[0, channel]
        i, j = divmod(int(values.argmax()), values.shape[1])
        (g,) = torch.autograd.grad(values[i, j], source, retain_graph=True)
        (top, bottom), (left, right) = _seen(rows, i, size[1]), _seen(columns, j, size[2])
        strength, pixels = float(values[i, j].detach()), g[0].permute(1, 2, 0).cpu().numpy()
        found.append(Excited(channel, strength, (i, j), (top, left, bottom, right), pixels))
    return found


def _seen(axis: Axis, cell: int, side: int) -> tuple[int, int]:
    """The first pixel that a cell sees, and the one behind the last; all where that is unknown."""
    if math.isnan(axis.field):
        return 0, side
    middle, half = axis.offset + cell * axis.jump, axis.field / 2
    return max(0, math.ceil(middle - half)), min(side, math.floor(middle + half) + 1)
