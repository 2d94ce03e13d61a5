"""The account in lines and words."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hubel import networks
from hubel.analysis.account import blocks, last_map, layers, warnings


def found(name: str, size: tuple[int, int, int], **words):
    with torch.device("meta"):
        network = networks.create(name, channels=size[0], **words)
    return network, layers(networks.account(network, size))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("alexnet", 195),
        ("vgg16", 212),
        ("inception_v3", 1311),
        ("resnet18", 435),
        ("resnet34", 899),
        ("resnet50", 427),
        ("resnet101", 971),
        ("resnet152", 1451),
    ],
)
def test_fields_of_the_literature(name, field):
    _, lines = found(name, (3, 224, 224))
    last = last_map(lines)
    assert last.place.rows.field == last.place.columns.field == field
    assert last.place.rows.jump == 32


@pytest.mark.parametrize("name", ["lenet5-1998", "googlenet", "densenet121", "resnet50", "alexnet"])
def test_blocks_hold_what_their_layers_hold(name):
    size = networks.specification(name).size
    network, lines = found(name, (3, size, size))
    grouped = blocks(lines, network)
    account = network.account()
    for word in ("params", "macs", "activations"):
        assert sum(getattr(x, word) for x in grouped) == sum(getattr(x, word) for x in lines)
    assert sum(line.params for line in grouped) == account.params
    assert sum(line.macs for line in grouped) == account.macs
    assert len(grouped) < len(lines)


def test_repeated_blocks_are_one_line():
    network, lines = found("resnet50", (3, 224, 224))
    names = {line.name: line for line in blocks(lines, network)}
    run = names["stages.2.1 .. 5"]
    assert (run.kind, run.times, run.shape) == ("Bottleneck", 5, (1024, 14, 14))
    assert names["stages.2.0"].times == 1
    network, lines = found("densenet121", (3, 224, 224))
    run = {line.name: line for line in blocks(lines, network)}["stages.0.0 .. 5"]
    assert (run.kind, run.times, run.shape[0]) == ("DenseLayer", 6, 256)


def test_dense_layers_stand_alone():
    network, lines = found("vgg16", (3, 224, 224))
    dense = [line for line in blocks(lines, network) if line.kind == "Linear"]
    assert [line.shape for line in dense] == [(4096,), (4096,), (1000,)]
    assert dense[0].params == 4096 * (512 * 49 + 1)


def test_a_module_of_one_s_own():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)))
    lines = layers(networks.account(module, (1, 9, 12)))
    assert [line.name for line in blocks(lines, module)] == ["0", "1.0", "1.1"]
    assert [line.activations for line in lines] == [4 * 2 * 70, 4 * 2 * 70, 4 * 2 * 15]
    assert not layers(networks.account(nn.Flatten(), (1, 9, 12)))[0].activations


class Root(nn.Module):
    def forward(self, x):
        return torch.cat([x, x + x], 1)


def test_functions_outside_every_part():
    lines = layers(networks.account(Root(), (1, 4, 4)))
    (block,) = blocks(lines, Root())
    assert (block.name, block.kind, block.shape) == ("", "Root", (2, 4, 4))


def test_a_heavy_dense_layer_is_named():
    _, lines = found("vgg16", (3, 224, 224))
    said = warnings(lines, (3, 224, 224))
    assert said[0].startswith("74% of the parameters are in one dense layer, head.0.0.2.")
    assert len(said) == 1  # 212 of 224 pixels is no cause for alarm
    _, lines = found("resnet50", (3, 224, 224))
    assert not any("dense layer" in line for line in warnings(lines, (3, 224, 224)))


def test_an_exhausted_map_is_named():
    size = (3, 32, 32)
    _, lines = found("resnet50", size)
    said = warnings(lines, size)
    assert said[0].startswith("The map is 1x1 already at stages.3.0.body.1.conv: ")
    _, lines = found("resnet50", (3, 64, 64))
    assert not any("1x1" in line for line in warnings(lines, (3, 64, 64)))
    _, lines = found("seresnet50", (3, 224, 224))  # a gate of one cell is no exhausted map
    assert not any("1x1" in line for line in warnings(lines, (3, 224, 224)))


def test_what_a_cell_sees_is_weighed():
    size = (3, 224, 224)
    _, lines = found("resnet50", size)
    assert any("smaller than what a cell" in x and "427x427" in x for x in warnings(lines, size))
    size = (3, 512, 512)
    module = nn.Conv2d(3, 4, 43)
    lines = layers(networks.account(module, size))
    (small,) = warnings(lines, size)
    assert "sees 43x43 of the 512x512 pixels" in small
    assert not any("objects" in line for line in warnings(lines, size, 43))
    said = warnings(lines, size, 60)
    assert "sees 43 pixels, less than the 60 of the objects" in said[0]
