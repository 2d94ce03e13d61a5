"""How far answers stay the same when a picture is shifted, turned or scaled."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hubel.ops.account import evaluating

ANGLES = (5, 10, 15, 20, 30, 45, 60, 75, 90)
FACTORS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.25, 1.5, 1.75, 2.0)


@dataclass(frozen=True)
class Kept:
    """At one amount: the share of pictures with the same answer as untouched, and of right ones."""

    amount: float
    same: float
    right: float


@dataclass(frozen=True)
class Steady:
    """A bundle's curves by name, over so many pictures."""

    name: str
    network: str
    pictures: int
    curves: dict[str, list[Kept]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for --json."""
        curves = {name: [asdict(kept) for kept in curve] for name, curve in self.curves.items()}
        return {**asdict(self), "curves": curves}


def consistency(
    model: nn.Module, pictures: Tensor, targets: Tensor, *, batch: int = 250
) -> dict[str, list[Kept]]:
    """Curves of "shift" (pixels, mean of four directions), "rotation" (degrees, mean of both
    ways) and "scale" (factor), each with its untouched point.

    `model` takes pictures (N, C, H, W) in 0..255 and gives logits; `targets` (N,). What comes in
    from outside repeats the edge. Consistency under shifts: Zhang 2019, arXiv 1904.11486, section
    4.1.
    """
    side = min(pictures.shape[-2:])
    shifts = sorted({max(1, round(side * n / 32)) for n in range(1, 9)})
    straight = [(dx, dy) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    untouched = _answers(model, pictures, None, batch)
    before = Kept(0, 1.0, float((untouched == targets).float().mean()))

    def at(amount: float, moves: list[Tensor]) -> Kept:
        answers = [_answers(model, pictures, move, batch) for move in moves]
        same = np.mean([float((a == untouched).float().mean()) for a in answers])
        right = np.mean([float((a == targets).float().mean()) for a in answers])
        return Kept(amount, float(same), float(right))

    height, width = pictures.shape[-2:]

    def moved(dx: float, dy: float) -> Tensor:
        # grid_sample's coordinates run from -1 to 1 over the whole picture.
        return torch.tensor([[1.0, 0.0, 2 * dx / width], [0.0, 1.0, 2 * dy / height]])

    def turned(degrees: float) -> Tensor:
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        return torch.tensor([[c, -s * height / width, 0.0], [s * width / height, c, 0.0]])

    scaled = [at(f, [torch.tensor([[1 / f, 0.0, 0.0], [0.0, 1 / f, 0.0]])]) for f in FACTORS]
    return {
        "shift": [before, *(at(n, [moved(n * a, n * b) for a, b in straight]) for n in shifts)],
        "rotation": [before, *(at(d, [turned(d), turned(-d)]) for d in ANGLES)],
        "scale": sorted(
            [*scaled, Kept(1.0, before.same, before.right)], key=lambda kept: kept.amount
        ),
    }


@torch.no_grad()
def _answers(model: nn.Module, pictures: Tensor, move: Tensor | None, batch: int) -> Tensor:
    found = []
    with evaluating(model):
        for some in pictures.split(batch):
            some = some.float()
            if move is not None:
                matrix = move.to(some).expand(len(some), 2, 3)
                grid = F.affine_grid(matrix, list(some.shape), align_corners=False)
                some = F.grid_sample(some, grid, padding_mode="border", align_corners=False)
            found.append(model(some).argmax(1).cpu())
    return torch.cat(found)
