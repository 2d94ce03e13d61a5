from __future__ import annotations

import math

import pytest
import torch

from hubel.ops.boxes import IOUS, ciou, diou, giou, iou
from hubel.runtime.decode.boxes import iou as runtime_iou


def box(*numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def some(n, seed=0):
    draws = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=draws, dtype=torch.float64) * 50
    sides = 1 + torch.rand(n, 2, generator=draws, dtype=torch.float64) * 40
    return torch.cat([corner, corner + sides], 1)


@pytest.mark.parametrize("form", IOUS)
def test_equal_boxes_are_one_and_order_does_not_matter(form):
    a, b = some(50), some(50, 1)
    assert IOUS[form](a, a) == pytest.approx(1)
    assert torch.allclose(IOUS[form](a, b), IOUS[form](b, a))
    scaled = IOUS[form](a * 7.5, b * 7.5)
    assert torch.allclose(IOUS[form](a, b), scaled, atol=1e-9)
    assert (IOUS[form](a, b) <= iou(a, b) + 1e-12).all()


def test_it_is_the_iou_of_the_runtime():
    a, b = some(20), some(30, 1)
    pairs = iou(a[:, None], b[None])
    assert pairs.numpy() == pytest.approx(runtime_iou(a.numpy(), b.numpy()), abs=1e-9)


def test_numbers_by_hand():
    a, b = box(0, 0, 2, 2), box(3, 0, 5, 2)  # apart by one pixel; the box around is 5 x 2
    assert iou(a, b) == 0
    assert giou(a, b).item() == pytest.approx(-(10 - 8) / 10)
    assert diou(a, b).item() == pytest.approx(-9 / 29)
    c = box(3, 0, 7, 2)  # twice as wide as high; the box around is 7 x 2
    v = 4 / math.pi**2 * (math.atan(2) - math.atan(1)) ** 2
    assert ciou(a, c).item() == pytest.approx(-16 / 53 - v * v / (1 + v))


@pytest.mark.parametrize("form", ["giou", "diou", "ciou"])
def test_boxes_that_do_not_meet_are_drawn_together(form):
    guess = box(0, 0, 4, 4).requires_grad_()
    aim = box(20, 11, 30, 19)
    optimizer = torch.optim.Adam([guess], 0.3)
    for _ in range(400):
        optimizer.zero_grad()
        (1 - IOUS[form](guess, aim)).backward()
        optimizer.step()
    assert iou(guess, aim) > 0.9


def test_empty_boxes_have_numbers_and_gradients():
    a = box(3, 3, 3, 3).requires_grad_()
    for form in IOUS.values():
        value = form(a, box(0, 0, 0, 0))
        (gradient,) = torch.autograd.grad(value, a)
        assert value.isfinite()
        assert gradient.isfinite().all()
