"""The static account against numbers from papers, against real passes and against gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hubel import networks
from hubel.networks import account


def field(name: str, stage: str, size: int = 224) -> float:
    with torch.device("meta"):
        network = networks.create(name)
    return network.account(size).places[stage].rows.field


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alexnet", 195),
        ("vgg16", 212),
        ("resnet18", 435),
        ("resnet34", 899),
        ("resnet50", 427),
        ("resnet101", 971),
        ("resnet152", 1451),
    ],
)
def test_receptive_fields_of_the_literature(name, expected):
    with torch.device("meta"):
        network = networks.create(name)
    assert network.account().places["stages"].rows.field == expected


class Odd(nn.Module):
    """What networks of one's own may do: branches, functions, other orders of dimensions, tied
    weights.
    """

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.b = nn.Conv2d(2, 4, (5, 1), stride=2, padding=(2, 0))
        self.up = nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1)
        self.norm = nn.LayerNorm(8)
        self.kernel = nn.Parameter(torch.ones(8, 1, 3, 3))
        self.last = nn.Linear(8, 3)
        self.twin = self.last
        self.unused = nn.Linear(3, 4)
        self.unused.bias = self.a.bias

    def forward(self, x):
        x = torch.cat([self.a(x), self.b(x)], dim=1)
        x = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = self.up(F.relu(x))
        x = F.conv2d(F.pad(x, (1, 1, 1, 1)), self.kernel, groups=8)
        x = F.interpolate(x, scale_factor=0.5) + F.avg_pool2d(x, 2)
        x = x[:, :, ::2, 1::2] * torch.sigmoid(x.mean((2, 3), keepdim=True))
        return self.last(x.flatten(2).amax(-1))


def test_a_module_of_one_s_own():
    module = Odd()
    module.b.eval()
    found = account(module, (2, 23, 30))
    assert found.params == sum(p.numel() for p in module.parameters())
    assert found.shapes[""] == tuple(module(torch.randn(1, 2, 23, 30)).shape[1:])
    assert found.shapes["up"] == tuple(module.up(torch.randn(1, 8, 12, 15)).shape[1:])
    assert (module.training, module.b.training) == (True, False)
    assert (len(module.a._forward_hooks), module.a.weight.is_meta) == (0, False)
    assert found.rows[-1].kind == "Linear (not in this pass)"
    assert module(torch.randn(1, 2, 23, 30)).shape == (1, 3)
    cell, strip = found.places["b"].rows, found.places["b"].columns
    assert (cell.field, cell.jump, cell.offset) == (5, 2, 0)
    assert (strip.field, strip.jump, strip.offset) == (1, 2, 0)


def seen(module: nn.Module, channels: int, size: int) -> tuple[list[int], tuple[int, ...]]:
    """First and last row of the picture that the middle output cell depends on, by gradients."""
    module = module.double()
    x = torch.rand(1, channels, size, size, dtype=torch.float64, requires_grad=True)
    y = module(x)
    middle = y.shape[2] // 2
    y[0, :, middle, y.shape[3] // 2].sum().backward()
    rows = x.grad[0].abs().sum((0, 2)).nonzero().flatten().tolist()
    return [rows[0], rows[-1]], (middle,)


@pytest.mark.parametrize(
    ("name", "size"), [("lenet5", 64), ("resnet14", 96), ("plain20", 128), ("alexnet", 320)]
)
def test_fields_are_those_that_gradients_show(name, size):
    pool = {} if size < 200 and name != "lenet5" else {"pool": "avg"}  # gradients of all cells
    network = networks.create(name, act="sigmoid", **pool)
    body = nn.Sequential(network.stem, network.stages).eval()
    place = account(body, (network.spec.channels, size, size)).places[""].rows
    (first, last), (middle,) = seen(body, network.spec.channels, size)
    centre = place.offset + middle * place.jump
    assert first == max(0, centre - (place.field - 1) / 2)
    assert last == min(size - 1, centre + (place.field - 1) / 2)


def test_a_size_that_does_not_fit_names_the_layer():
    with torch.device("meta"):
        network = networks.create("alexnet")
    with pytest.raises(ValueError, match=r"stages\.\d.*kernel of 3 does not fit in 1 cells"):
        network.account(40)


def test_rows_add_up():
    with torch.device("meta"):
        network = networks.create("resnet18")
    found = network.account()
    assert found.macs == sum(row.macs for row in found.rows) == 1_814_073_344
    kinds = {row.kind for row in found.rows}
    assert {"Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "add", "Linear"} <= kinds
    assert [row.name for row in found.rows][:2] == ["stem.0.0.conv", "stem.0.0.norm"]
