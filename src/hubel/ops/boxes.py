"""Overlap of boxes as something to learn from: IoU and its generalized forms, pair by pair.

A box is x1 y1 x2 y2 in pixels. All forms are 1 for equal boxes and fall as boxes part; the loss of
each is 1 minus it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

EPS = 1e-9


def iou(first: Tensor, second: Tensor) -> Tensor:
    """IoU = |A and B| / |A or B|: (..., 4), (..., 4) -> (...), in 0..1. No gradient where the
    boxes do not meet: Yu et al. 2016 (arXiv 1608.01471).
    """
    both, union = _shared(first, second)
    return both / (union + EPS)


def giou(first: Tensor, second: Tensor) -> Tensor:
    """GIoU = IoU - |C without (A or B)| / |C|, C the smallest box around both, in -1..1.

    Source: Rezatofighi et al. 2019 (arXiv 1902.09630), algorithm 1.
    """
    both, union = _shared(first, second)
    wide, tall = _around(first, second)
    around = wide * tall + EPS
    return both / (union + EPS) - (around - union) / around


def diou(first: Tensor, second: Tensor) -> Tensor:
    """DIoU = IoU - d^2 / c^2: distance of the centres over the diagonal of the box around both.

    Source: Zheng et al. 2020 (arXiv 1911.08287), equation 7.
    """
    wide, tall = _around(first, second)
    apart = (first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2
    return iou(first, second) - (apart**2).sum(-1) / (wide**2 + tall**2 + EPS)


def ciou(first: Tensor, second: Tensor) -> Tensor:
    """CIoU = DIoU - alpha v, v = (4 / pi^2) (atan(w_b / h_b) - atan(w_a / h_a))^2,
    alpha = v / (1 - IoU + v), through which no gradient flows.

    Source: Zheng et al. 2020 (arXiv 1911.08287), equations 9 to 11.
    """
    angles = [torch.atan2(*_sides(box)) for box in (first, second)]
    v = 4 / math.pi**2 * (angles[1] - angles[0]) ** 2
    with torch.no_grad():
        alpha = v / (1 - iou(first, second) + v + EPS)
    return diou(first, second) - alpha * v


IOUS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "iou": iou,
    "giou": giou,
    "diou": diou,
    "ciou": ciou,
}
"""The forms by name."""


def _sides(box: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height, (...) each; 0 where a box is turned inside out."""
    return (box[..., 2] - box[..., 0]).clamp(min=0), (box[..., 3] - box[..., 1]).clamp(min=0)


def _shared(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The areas of intersection and union."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    areas = [wide * tall for wide, tall in (_sides(first), _sides(second))]
    return both, areas[0] + areas[1] - both


def _around(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The sides of the smallest box around both."""
    low = torch.minimum(first[..., :2], second[..., :2])
    high = torch.maximum(first[..., 2:], second[..., 2:])
    sides = high - low
    return sides[..., 0], sides[..., 1]
