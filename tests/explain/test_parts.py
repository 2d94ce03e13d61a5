"""Channels, fields, gradients and invariance, each against what is known by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hubel.explain.excite import Guided, excited
from hubel.explain.field import fields
from hubel.explain.flow import flow
from hubel.explain.invariance import consistency
from hubel.networks import create


def test_guided_backpropagation_stops_both_ways():
    """g [x > 0] [g > 0], through the module, the function and the method."""
    for rectifier in (nn.ReLU(), nn.ReLU(inplace=True), F.relu, torch.relu, nn.ReLU6()):
        x = torch.tensor([1.0, -1.0, 2.0, -2.0], requires_grad=True)
        with Guided():
            y = rectifier(x * 1.0)
        y.backward(torch.tensor([3.0, 3.0, -3.0, -3.0]))
        assert x.grad is not None
        assert x.grad.tolist() == [3, 0, 0, 0]


def test_a_channel_is_excited_by_what_its_kernel_looks_for():
    """A detector of bright vertical bars finds the one bar, and only sees its surroundings."""
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    with torch.no_grad():
        net(torch.zeros(1, 1, 12, 12))
        net[0].weight.copy_(torch.tensor([[-1.0, 2, -1]] * 3)[None, None])
        net[0].bias.zero_()
    x = torch.zeros(1, 12, 12)
    x[:, 2:9, 7] = 1
    (found,) = excited(net, x, [0])
    assert found.cell[1] == 7
    assert 3 <= found.cell[0] <= 7
    top, left, bottom, right = found.box
    assert (bottom - top, left, right) == (3, 6, 9)
    seen = np.argwhere(found.reconstruction[..., 0])
    assert seen.min(axis=0).tolist() == [top, left]
    assert (found.reconstruction[top:bottom, 7, 0] == 2).all()


def test_the_effective_field_of_plain_convolutions_is_a_bell_within_the_theoretical():
    """Luo et al.: it grows as the root of the depth, and is smaller than what it could be."""
    torch.manual_seed(0)
    found = {}
    for depth in (5, 20):
        body = [nn.Conv2d(4, 4, 3, padding=1, bias=False) for _ in range(depth)]
        stem = nn.Conv2d(1, 4, 1)
        net = nn.Sequential(stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        (field,) = fields(net, torch.rand(4, 1, 65, 65))
        assert field.theoretical == (1 + 2 * depth,) * 2
        middle = np.unravel_index(field.values.argmax(), field.values.shape)
        assert max(abs(np.array(middle) - 32)) <= 3
        outside = field.values.copy()
        outside[32 - depth : 33 + depth, 32 - depth : 33 + depth] = 0
        assert not outside.any()
        found[depth] = field.effective
    assert found[5] <= 11
    assert 1.4 < found[20] / found[5] < 3  # sqrt(4) = 2, not 41 / 11 = 3.7
    assert found[20] < 0.75 * 41


def slope(net: nn.Module) -> float:
    """log10 of (gradient at the last convolution / at the first): 0 where nothing fades."""
    torch.manual_seed(0)
    x, y = torch.randn(8, 3, 32, 32), torch.randint(0, 10, (8,))
    layers = flow(net, lambda model: F.cross_entropy(model(x), y))
    return math.log10(layers[-2].gradient / layers[0].gradient)


def test_gradients_fade_in_sigmoid_and_not_in_relu():
    torch.manual_seed(0)
    assert slope(create("vgg11", head="gap", act="sigmoid", classes=10)) > 3
    assert abs(slope(create("vgg11", head="gap", act="relu", classes=10))) < 2


def test_the_flow_changes_nothing():
    net = create("resnet14", classes=10)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x, y = torch.randn(4, 3, 32, 32), torch.randint(0, 10, (4,))
    layers = flow(net, lambda model: F.cross_entropy(model(x), y))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert layers[0].layer.startswith("stem")
    assert len(layers) == sum(isinstance(m, nn.Conv2d | nn.Linear) for m in net.modules())
    # Of the dense layer: dL/dz = p - y for each picture.
    last = layers[-1]
    net.train()
    p = net(x).detach().softmax(1) - F.one_hot(y, 10)
    assert last.gradient == pytest.approx(float(p.norm(dim=1).square().mean().sqrt()), rel=1e-4)


class Sum(nn.Module):
    """Which half is brighter: left or right; turned about, the other."""

    def forward(self, x):
        left, right = x[..., :8].mean((1, 2, 3)), x[..., 8:].mean((1, 2, 3))
        return torch.stack([left, right], dim=1)


def test_consistency_by_hand():
    pictures = torch.zeros(2, 1, 16, 16)
    pictures[0, :, :, 2:4] = pictures[1, :, :, 10:12] = 255
    found = consistency(Sum(), pictures, torch.tensor([0, 0]))
    assert set(found) == {"shift", "rotation", "scale"}
    for curve in found.values():
        untouched = next(kept for kept in curve if kept.amount in (0, 1) and kept.same == 1)
        assert untouched.right == 0.5
    shift = {kept.amount: kept.same for kept in found["shift"]}
    assert shift[1] == shift[2] == 1
    assert shift[4] == 1 - 1 / 8  # one of two pictures, in one of four directions
    assert found["scale"][0].amount == 0.5


def test_global_pooling_of_a_small_field_does_not_mind_shifts(trained):
    found = consistency(trained.net, trained.pictures[:100], trained.targets[:100])
    assert found["shift"][1].same > 0.9
    assert found["rotation"][-1].same < 0.6
