"""LeNet-5 as printed."""

from __future__ import annotations

import pytest
import torch

from hubel import networks
from hubel.networks.lenet import C3, codes


def test_table_one():
    assert [len(maps) for maps in C3] == [3] * 6 + [4] * 9 + [6]
    assert C3[4] == (0, 4, 5)
    assert C3[12] == (0, 1, 3, 4)
    assert C3[14] == (0, 2, 3, 5)
    assert len(set(C3)) == 16


def test_connections():
    """The paper's 340,908: multiplications and biases; a subsampling unit has four inputs and a
    bias.
    """
    network = networks.create("lenet5-1998")
    found = {}
    for row in network.account().rows:
        units = torch.Size(row.shape).numel()
        if row.kind == "Subsample":
            found[row.name] = 5 * units
        elif row.kind == "Codes":
            found[row.name] = row.macs
        elif row.macs:
            found[row.name] = row.macs + units
    assert list(found.values()) == [122_304, 5_880, 151_600, 2_000, 48_120, 10_164, 840]
    assert sum(found.values()) == network.spec.facts["connections"] == 340_908
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 60_000


def test_c3_sees_the_maps_of_its_table_only():
    conv = networks.create("lenet5-1998").stages[2][0]
    x = torch.randn(1, 6, 5, 5, requires_grad=True)
    for i, maps in enumerate(C3):
        (grad,) = torch.autograd.grad(conv(x)[0, i].sum(), x)
        assert {j for j in range(6) if grad[0, j].any()} == set(maps)


def test_codes():
    ten = torch.tensor(codes(10))
    assert ten.shape == (10, 84)
    assert set(ten.unique().tolist()) == {-1, 1}
    assert torch.cdist(ten, ten).add(100 * torch.eye(10)).min() ** 2 >= 4 * 10
    assert codes(26) == codes(26)
    assert len(set(map(tuple, codes(26)))) == 26


def test_logits_are_minus_squared_distances():
    head = networks.create("lenet5-1998", classes=4).head[1][0]
    x = torch.randn(3, 84)
    expected = -torch.stack([((x - code) ** 2).sum(1) for code in head.codes], dim=1)
    torch.testing.assert_close(head(x), expected)


def test_subsampling_adds_four_and_scales():
    block = networks.create("lenet5-1998", act="sigmoid").stages[1][0]
    x = torch.randn(1, 6, 4, 4)
    sums = x.unfold(2, 2, 2).unfold(3, 2, 2).sum((-1, -2))
    expected = torch.sigmoid(block.weight * sums + block.bias)
    torch.testing.assert_close(block(x), expected)


def test_initialization_within_the_paper_s_bounds():
    network = networks.create("lenet5-1998")
    dense = network.head[0][0][1].weight
    assert 0.9 * 2.4 / 120 < dense.abs().max() <= 2.4 / 120
    conv = network.stages[2][0].weight
    assert 0.9 * 2.4 / 75 < conv.abs().max() <= 2.4 / 75


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match="least size is 32x32"):
        networks.create("lenet5-1998")(torch.zeros(1, 1, 28, 28))
    with pytest.raises(ValueError, match="made for 32x32"):
        networks.create("lenet5-1998")(torch.zeros(1, 1, 64, 64))
