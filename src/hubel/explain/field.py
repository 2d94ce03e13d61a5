"""The effective receptive field, beside the theoretical one of the static account."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hubel.explain.maps import Heat, axes, passed, stages
from hubel.ops.account import evaluating

LEAST = 1 - 0.9545
"""Share of the strongest pixel from which on a pixel counts as seen: Luo et al., section 3."""
DRAWS = 8


@dataclass(frozen=True, eq=False)
class Field:
    """What the middle cell of a layer sees of a picture, in pixels.

    `theoretical` (rows, columns) could reach it, NaN where the account cannot tell; `effective` is
    the root of the number of pixels that do; `values` (H, W), 0..1, is how much each does.
    """

    layer: str
    cells: tuple[int, int]
    theoretical: tuple[float, float]
    effective: float
    values: Heat


def fields(module: nn.Module, x: Tensor, *, seed: int = 0) -> list[Field]:
    """The fields of the last layer of every size, for pictures x (N, C, H, W).

    The gradient of the middle cell with respect to the picture, over N pictures and DRAWS random
    mixtures of channels each; its deviation at a pixel is how much that pixel counts. Luo et al.
    2016, "Understanding the Effective Receptive Field", arXiv 1701.04128, sections 2 and 3.
    """
    source = x.detach().requires_grad_()
    with evaluating(module):
        maps = stages(module, passed(module, source)[1])
    size = (x.shape[1], x.shape[2], x.shape[3])
    generator = torch.Generator().manual_seed(seed)
    found = []
    for layer in maps:
        a = layer.values
        if not a.requires_grad:
            continue
        middle = a[:, :, a.shape[2] // 2, a.shape[3] // 2]  # (N, C)
        squares = torch.zeros(size[1:], dtype=torch.float64)
        for _ in range(DRAWS):
            weights = torch.randn(middle.shape, generator=generator).to(middle)
            (g,) = torch.autograd.grad((middle * weights).sum(), source, retain_graph=True)
            squares += g.double().square().sum((0, 1)).cpu()
        values = squares.sqrt().numpy()
        values = values / max(values.max(), np.finfo(np.float64).tiny)
        rows, columns = axes(module, layer.name, size, layer.cells)
        effective = math.sqrt(int((values > LEAST).sum()))
        field = (rows.field, columns.field)
        found.append(Field(layer.name, layer.cells, field, effective, values.astype(np.float32)))
    return found
