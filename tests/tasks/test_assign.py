from __future__ import annotations

import pytest
import torch

from hubel.ops.boxes import iou
from hubel.tasks.assign import MOST, assign


def grid(side, step, width):
    """Boxes (1, A, 4) of that width around the middles of cells."""
    at = (torch.arange(side) + 0.5) * step
    y, x = torch.meshgrid(at, at, indexing="ij")
    middle = torch.stack([x, y], -1).reshape(1, -1, 2)
    return torch.cat([middle - width / 2, middle + width / 2], -1)


def test_cells_in_the_object_that_overlap_it_most():
    boxes = grid(8, 8, 16.0).repeat(2, 1, 1)
    chances = torch.full((2, 64, 3), 0.5)
    truths = torch.tensor([[8.0, 8, 40, 40], [30, 30, 38, 38], [0, 0, 64, 64]])
    pictures, labels = torch.tensor([0, 0, 1]), torch.tensor([1, 2, 0])
    found = assign(boxes, chances, pictures, truths, labels)
    assert found.pictures.tolist() == pictures[found.objects].tolist()
    pairs = list(zip(found.pictures.tolist(), found.cells.tolist()))
    assert len(set(pairs)) == len(pairs), "a cell learns one object"
    for k in range(3):
        mine = found.objects == k
        middles = boxes[0, found.cells[mine]].reshape(-1, 2, 2).mean(1)
        assert ((middles > truths[k, :2]) & (middles < truths[k, 2:])).all()
    assert (found.objects == 2).sum() == MOST
    assert (found.objects == 1).sum() == 1  # one cell's middle lies in it: 36, 36


def test_the_best_cell_is_to_be_as_sure_as_it_overlaps():
    boxes = grid(8, 8, 16.0)
    truths = torch.tensor([[9.0, 9, 41, 37]])
    zero = torch.zeros(1, dtype=torch.long)
    found = assign(boxes, torch.full((1, 64, 1), 0.3), zero, truths, zero)
    overlap = iou(boxes[0, found.cells], truths)
    assert found.quality.max() == pytest.approx(float(overlap.max()))
    assert (found.quality <= overlap + 1e-6).all()
    assert (found.quality > 0).all()


def test_of_equal_overlaps_the_more_probable():
    boxes = grid(4, 8, 8.0)[:, [5, 5, 5]] + torch.tensor([[[0.0] * 4, [0.1] * 4, [-0.1] * 4]])
    boxes = boxes.repeat(1, 20, 1)
    chances = torch.full((1, 60, 1), 0.1)
    chances[0, 17] = 0.9
    zero = torch.zeros(1, dtype=torch.long)
    found = assign(boxes, chances, zero, torch.tensor([[6.0, 6, 18, 18]]), zero)
    assert found.cells[found.quality.argmax()] == 17


def test_an_object_without_a_cell_in_it_gets_the_nearest():
    boxes = grid(4, 16, 80.0)  # middles at 8, 24, 40, 56
    truths = torch.tensor([[14.0, 30, 17, 33], [0, 0, 3, 3]])
    zero = torch.zeros(2, dtype=torch.long)
    found = assign(boxes, torch.full((1, 16, 1), 0.1), zero, truths, zero)
    assert dict(zip(found.objects.tolist(), found.cells.tolist())) == {0: 4, 1: 0}


def test_two_objects_of_one_box_share_their_cells_out():
    boxes = grid(8, 8, 16.0)
    truths = torch.tensor([[8.0, 8, 24, 24], [8, 8, 24, 24]])
    zero = torch.zeros(2, dtype=torch.long)
    found = assign(boxes, torch.full((1, 64, 1), 0.5), zero, truths, zero)
    assert len(set(found.cells.tolist())) == len(found.cells) == 4
    assert (found.objects == 0).all()


def test_nothing_there():
    none = torch.zeros(0, dtype=torch.long)
    found = assign(grid(2, 8, 8.0), torch.zeros(1, 4, 2), none, torch.zeros(0, 4), none)
    assert [len(part) for part in found] == [0, 0, 0, 0]
