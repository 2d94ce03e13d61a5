"""Which cells learn which objects: those whose own answer is best already.

Source: Feng et al. 2021, TOOD (arXiv 2108.07755), section 3.2.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hubel.ops.boxes import iou

MOST = 10
"""Cells that learn one object."""
ALPHA, BETA = 1.0, 6.0
"""Powers of probability and overlap in how well a cell is aligned with an object."""


class Assigned(NamedTuple):
    """P pairs of a cell and an object: `pictures`, `cells` and `objects` (P,), places in the batch,
    among its cells, and in the targets; `quality` (P,) in 0..1, how sure the cell should be.
    """

    pictures: Tensor
    cells: Tensor
    objects: Tensor
    quality: Tensor


@torch.no_grad()
def assign(
    boxes: Tensor, chances: Tensor, pictures: Tensor, truths: Tensor, labels: Tensor
) -> Assigned:
    """The cells for M objects, from what the network says of A cells in N pictures.

    `boxes` (N, A, 4) and `chances` (N, A, K), the probability of each class; `pictures` (M,) says
    in which picture an object is, `truths` (M, 4) its box and `labels` (M,) its class.

    A cell may learn an object when the centre of its box lies in the object's; where there is no
    such cell, the nearest may. Of them those MOST learn it whose probability^ALPHA IoU^BETA is
    highest; a cell that several objects want learns the one that it overlaps most. The best cell of
    an object should be as sure as its IoU, the others in proportion.
    """
    n, a = boxes.shape[:2]
    theirs = boxes[pictures]  # (M, A, 4)
    overlap = iou(theirs, truths[:, None])  # (M, A)
    centres = (theirs[..., :2] + theirs[..., 2:]) / 2
    inside = within(centres, truths)
    away = (centres - (truths[:, None, :2] + truths[:, None, 2:]) / 2).square().sum(-1)
    inside.scatter_(1, away.argmin(1, keepdim=True), True)
    chance = chances[pictures, :, labels]  # (M, A)
    fit = chance**ALPHA * overlap.clamp(min=1e-3) ** BETA
    best, cells = torch.where(inside, fit, -1).topk(min(MOST, a), dim=1)  # (M, MOST)
    objects, rank = torch.nonzero(best >= 0, as_tuple=True)
    cells, fit = cells[objects, rank], best[objects, rank]
    overlap = overlap[objects, cells]

    place = pictures[objects] * a + cells
    mine = overlap == _most(place, overlap, n * a)[place]
    order = torch.where(mine, -objects.float(), -torch.inf)  # of equal ones the first
    mine &= order == _most(place, order, n * a)[place]
    objects, cells, fit, overlap = objects[mine], cells[mine], fit[mine], overlap[mine]

    m = len(labels)
    top, reached = _most(objects, fit, m)[objects], _most(objects, overlap, m)[objects]
    return Assigned(pictures[objects], cells, objects, fit / top * reached)


@torch.no_grad()
def unknown(boxes: Tensor, regions: Tensor) -> Tensor:
    """Which cells may well have found something that nobody has marked (N, A): those whose box (N,
    A, 4) has its centre in a region to ignore of its picture; `regions` (R, 5) as in `Targets`.
    """
    pictures, theirs = regions[:, 0], boxes[regions[:, 0].long()]
    inside = within((theirs[..., :2] + theirs[..., 2:]) / 2, regions[:, 1:])  # (R, A)
    mine = pictures == torch.arange(len(boxes), device=boxes.device)[:, None]  # (N, R)
    return (mine.float() @ inside.float()) > 0


def within(points: Tensor, boxes: Tensor) -> Tensor:
    """Which points (M, A, 2) lie in the box (M, 4) of their row: (M, A)."""
    return ((points > boxes[:, None, :2]) & (points < boxes[:, None, 2:])).all(-1)


def _most(where: Tensor, values: Tensor, length: int) -> Tensor:
    """(length,): the largest of the values at each place."""
    found = values.new_full((length,), -torch.inf)
    return found.scatter_reduce(0, where, values, "amax")
