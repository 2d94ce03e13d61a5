"""Where the evidence for a class lies: Grad-CAM, Grad-CAM++ and occlusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.explain.maps import Heat, axes, deepest, passed, spread
from hubel.ops.account import evaluating


@dataclass(frozen=True, eq=False)
class Heats:
    """Two heat maps (N, H, W) over the pictures, 0 or more, and the layer they were read at.

    `cells` (N, h, w) is Grad-CAM as the layer gave it, before it was spread over the picture;
    `channels` (N, C) is what each channel of the layer adds to its sum.
    """

    layer: str
    gradcam: Heat
    gradcam_plus: Heat
    cells: Heat
    channels: Heat


def heats(module: nn.Module, x: Tensor, classes: Tensor) -> Heats:
    """Grad-CAM and Grad-CAM++ for one class of each picture.

    `module` takes x (N, C, H, W) and gives logits (N, K); `classes` (N,). The module's mode is
    left as it was. ValueError where it gives no map.

    Grad-CAM: relu(sum_k a_k A_k), a_k the mean of dy/dA_k (Selvaraju et al. 2016, arXiv 1610.02391,
    equations 1 and 2). Grad-CAM++: a_k = sum_ij w_ij relu(dy/dA_k,ij) with w_ij =
    g^2 / (2 g^2 + g^3 sum A_k), g = dy/dA_k,ij (Chattopadhyay et al. 2017, arXiv 1710.11063,
    equations 10 and 19).
    """
    with evaluating(module):
        logits, maps = passed(module, x)
        layer = deepest(maps)
        score = logits.gather(1, classes.view(-1, 1).to(logits.device)).sum()
        (g,) = torch.autograd.grad(score, layer.values)
    a = layer.values.detach()
    weighted = a * g.mean((2, 3), keepdim=True)  # (N, C, h, w)
    cells = weighted.sum(1).relu()
    bottom = 2 * g**2 + g**3 * a.sum((2, 3), keepdim=True)
    share = torch.where(bottom != 0, g**2 / torch.where(bottom != 0, bottom, 1), 0)
    plus = (a * (share * g.relu()).sum((2, 3), keepdim=True)).sum(1).relu()
    size = (x.shape[1], x.shape[2], x.shape[3])
    rows, columns = axes(module, layer.name, size, layer.cells)
    spread_cells, spread_plus = (
        spread(heat.cpu().numpy(), rows, columns, size[1:]) for heat in (cells, plus)
    )
    return Heats(
        layer.name,
        spread_cells,
        spread_plus,
        cells.cpu().numpy(),
        weighted.sum((2, 3)).cpu().numpy(),
    )


def contrast(
    module: nn.Module, x: Tensor, truths: NDArray[np.int64], answers: NDArray[np.int64]
) -> Heat:
    """Grad-CAM for the truth and for the answer of each picture x (N, C, H, W): (N, 2, H, W)."""
    both = [
        heats(module, x, torch.from_numpy(classes).to(x.device)).gradcam
        for classes in (truths, answers)
    ]
    return np.stack(both, axis=1)


@torch.no_grad()
def occlusion(
    module: nn.Module, x: Tensor, label: int, *, patch: int | None = None, batch: int = 64
) -> Heat:
    """By how much the probability of a class falls where a grey patch covers a pixel: (H, W).

    x is one picture (C, H, W); the patch, by default a fifth of the shorter side, moves by half of
    itself and has the picture's mean colour. A pixel gets the mean over all patches that cover it;
    below 0 the probability rises. Zeiler, Fergus 2013, arXiv 1311.2901, section 4.2.
    """
    height, width = x.shape[1:]
    side = patch or max(1, round(min(height, width) / 5))
    if not 1 <= side <= min(height, width):
        raise ValueError(f"patch={side}: it covers 1 to {min(height, width)} pixels a side")
    places = [(i, j) for i in _steps(height, side) for j in _steps(width, side)]
    grey = x.mean((1, 2), keepdim=True)
    fallen, covered = np.zeros((2, height, width))
    with evaluating(module):
        before = float(module(x[None]).softmax(1)[0, label])
        for start in range(0, len(places), batch):
            some = places[start : start + batch]
            hidden = x.repeat(len(some), 1, 1, 1)
            for one, (i, j) in zip(hidden, some):
                one[:, i : i + side, j : j + side] = grey
            found = module(hidden).softmax(1)[:, label].tolist()
            for (i, j), after in zip(some, found):
                fallen[i : i + side, j : j + side] += before - after
                covered[i : i + side, j : j + side] += 1
    return (fallen / covered).astype(np.float32)


def _steps(whole: int, side: int) -> list[int]:
    """Where a patch begins, by half of itself, the edges included."""
    count = -(-(whole - side) // max(1, side // 2)) + 1
    return sorted(set(np.linspace(0, whole - side, count).round().astype(int).tolist()))
