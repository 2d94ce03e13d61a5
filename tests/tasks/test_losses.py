from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from hubel.tasks.losses import (
    binary,
    class_weights,
    cross_entropy,
    focal,
    maximum_a_posteriori,
)


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


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def test_weights_count_classes_by_hand():
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    targets = torch.tensor([1, 0])
    wanted = (-3 * math.log(0.75) - 0.5 * math.log(0.5)) / 2
    assert cross_entropy(logits, targets, weights=[0.5, 3.0]).item() == pytest.approx(wanted)
    same = cross_entropy(logits, targets, smoothing=0.1, weights=[1.0, 1.0])
    torch.testing.assert_close(same, cross_entropy(logits, targets, smoothing=0.1))


def test_focal_by_hand():
    logits = torch.tensor([[0.0, math.log(3.0)]])
    found = focal(logits, torch.tensor([1]), gamma=2.0).item()
    assert found == pytest.approx(-(0.25**2) * math.log(0.75))
    torch.testing.assert_close(
        focal(logits, torch.tensor([0]), gamma=0.0), cross_entropy(logits, torch.tensor([0]))
    )


def test_binary_asks_every_class_by_itself():
    logits, targets = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[1, 0, 1]])
    p = [sigmoid(1), sigmoid(-2), sigmoid(0.5)]
    wanted = -(math.log(p[0]) + math.log(1 - p[1]) + math.log(p[2])) / 3
    assert binary(logits, targets).item() == pytest.approx(wanted)
    torch.testing.assert_close(
        binary(logits, targets), F.binary_cross_entropy_with_logits(logits, targets.float())
    )
    terms = ((1 - p[0]) ** 2 * math.log(p[0]), p[1] ** 2 * math.log(1 - p[1]))
    wanted = -(5 * terms[0] + terms[1] + 7 * (1 - p[2]) ** 2 * math.log(p[2])) / 3
    found = binary(logits, targets, gamma=2.0, weights=[5.0, 6.0, 7.0]).item()
    assert found == pytest.approx(wanted)


def test_class_weights_from_counts_names_and_numbers():
    classes = ("ant", "bee", "cat")
    balanced = class_weights("balanced", classes, [10, 20, 30])
    assert balanced == [2.0, 1.0, pytest.approx(2 / 3, abs=1e-6)]
    assert sum(w * n for w, n in zip(balanced, [10, 20, 30])) == pytest.approx(60, abs=1e-4)
    assert class_weights("balanced", classes, [10, 20, 30], 40) == [3.0, 1.0, 0.333333]
    assert class_weights({"bee": 2}, classes, []) == [1.0, 2.0, 1.0]
    assert class_weights([1, 2, 3], classes, []) == [1.0, 2.0, 3.0]
    for given, message in (
        ("balance", "did you mean 'balanced'"),
        ({"be": 2}, "did you mean 'bee'"),
        ([1, 2], "one number for each of 3 classes"),
        ([1, -2, 3], "0 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            class_weights(given, classes, [1, 1, 1])
