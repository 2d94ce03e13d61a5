from __future__ import annotations

import math

import pytest
import torch

from hubel.tasks.losses import cross_entropy, maximum_a_posteriori


def test_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, math.log(3.0)]])
    assert cross_entropy(logits, torch.tensor([1])).item() == pytest.approx(-math.log(0.75))
    smooth = -(0.9 * math.log(0.75) + 0.1 * (math.log(0.25) + math.log(0.75)) / 2)
    found = cross_entropy(logits, torch.tensor([1]), smoothing=0.1).item()
    assert found == pytest.approx(smooth)


def test_equation_nine_by_hand():
    # penalties 1 and 4, the first is the truth: E = 1 + log(e^-j + e^-1 + e^-4)
    penalties = torch.tensor([[1.0, 4.0]], dtype=torch.float64)
    found = maximum_a_posteriori(-penalties, torch.tensor([0]), j=2.0).item()
    assert found == pytest.approx(1 + math.log(math.exp(-2) + math.exp(-1) + math.exp(-4)))


def test_equation_nine_stops_pushing_penalties_that_are_large_already():
    def pull(penalty: float) -> float:
        logits = torch.tensor([[-0.1, -penalty]], requires_grad=True)
        maximum_a_posteriori(logits, torch.tensor([0]), j=1.0).backward()
        return logits.grad[0, 1].item()

    assert pull(0.1) > 100 * pull(20.0) > 0


def test_equation_nine_refuses_a_constant_that_is_not_positive():
    with pytest.raises(ValueError, match=r"j=0.*positive"):
        maximum_a_posteriori(torch.zeros(1, 2), torch.tensor([0]), j=0)
