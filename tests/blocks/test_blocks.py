"""The boxes that several families share."""

from __future__ import annotations

import math

import pytest
import torch

from hubel.blocks import Classifier, Conv2d, ConvNorm, MBConv, Pool, SqueezeExcite
from hubel.blocks.mixed import mixed
from hubel.ops.convolution import convolution


def test_he_initialization():
    torch.manual_seed(0)
    conv = Conv2d(64, 128, 3, groups=2)
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.02)
    assert not conv.bias.any()


def test_a_bias_where_no_norm_follows():
    assert ConvNorm(2, 3).conv.bias is None
    assert ConvNorm(2, 3, norm="none").conv.bias is not None
    assert ConvNorm(2, 3, norm="none", bias=False).conv.bias is None


def test_groups_that_do_not_divide():
    with pytest.raises(ValueError, match="groups=3: 4 channels in and 6 out"):
        ConvNorm(4, 6, groups=3)


@pytest.mark.parametrize("size", [7, 8, 9])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (5, 3), (3, 1)])
def test_tensorflow_s_padding(size, kernel, stride):
    block = ConvNorm(2, 3, kernel, stride, padding="tensorflow", norm="none", act="none")
    x = torch.randn(1, 2, size, size + 1)
    expected = convolution(x, block.conv.weight, stride=stride, padding="same")
    torch.testing.assert_close(block(x), expected)


def test_branches_fork_and_stride():
    branches = (((4, 1), (((2, (1, 3)),), ((3, (3, 1)),))), ("max", (5, 1)))
    block = mixed(6, branches)
    assert block.c_out == 10
    assert block(torch.randn(1, 6, 8, 9)).shape == (1, 10, 8, 9)
    halved = mixed(6, (((4, 3), (4, 3)), ("max",)), 2, padded=False)
    assert halved(torch.randn(1, 6, 9, 9)).shape == (1, 10, 4, 4)


def test_squeeze_and_excitation_weighs_channels():
    block = SqueezeExcite(4, 2)
    x = torch.randn(2, 4, 5, 5)
    gates = block(x) / x
    assert ((gates > 0) & (gates < 1)).all()
    torch.testing.assert_close(gates, gates[:, :, :1, :1].expand_as(gates), rtol=1e-4, atol=1e-5)


def test_inverted_residual_goes_around_where_shapes_agree():
    assert MBConv(8, 8).shortcut is not None
    assert MBConv(8, 8, 2).shortcut is None
    assert MBConv(8, 12).shortcut is None
    assert MBConv(8, 8, skip="none").shortcut is None


def test_dense_heads_drop_in_front_of_all_but_the_first():
    kinds = [type(part).__name__ for part in Classifier(2, 3, hidden=(4, 5), dropout=0.5)]
    dense = ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert kinds == ["AdaptiveAvgPool2d", "Flatten", *dense]
    pooled = [type(part).__name__ for part in Classifier(2, 3, dropout=0.5)]
    assert pooled == ["AdaptiveAvgPool2d", "Flatten", "Dropout", "Linear"]


def test_an_unknown_pooling():
    with pytest.raises(ValueError, match="known: avg, max, stride"):
        Pool(2, kind="median")
