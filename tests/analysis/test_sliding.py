"""Layers on numbers against the framework; ways and links against counting them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from hubel.analysis.sliding import grid, links, overlaps, seen, values

PICTURE = np.random.default_rng(0).integers(0, 9, (7, 9)).astype(np.float64)


@pytest.mark.parametrize(
    "text",
    [
        "Conv2d(1, 1, 3)",
        "Conv2d(1, 1, 3, stride=2, padding=1)",
        "Conv2d(1, 1, 3, padding='same', dilation=2)",
        "Conv2d(1, 1, 3, stride=(1, 2), padding=(0, 1))",
        "ConvTranspose2d(1, 1, 3, stride=2)",
        "ConvTranspose2d(1, 1, 3, stride=3, padding=1, dilation=2)",
        "Upsample(scale_factor=2) | Conv2d(1, 1, 3, padding=1)",
        "ConvTranspose2d(1, 1, 3) | Conv2d(1, 1, 3, stride=2)",
    ],
)
def test_numbers_are_those_of_the_framework(text):
    kernel = np.arange(9.0).reshape(3, 3)
    x = torch.from_numpy(PICTURE)[None, None]
    for layer in text.split(" | "):
        module = eval(layer, vars(nn)).double()
        for name, parameter in module.named_parameters():
            parameter.data = torch.zeros(1).double() if name == "bias" else (
                torch.from_numpy(kernel)[None, None]
            )  # fmt: skip
        x = module(x)
    np.testing.assert_allclose(values(text, PICTURE, kernel), x.detach()[0, 0], atol=1e-9)


def test_seen_is_the_gradient_of_a_stack_of_ones():
    text = "Conv2d(1, 1, 3, dilation=2) | AvgPool2d(2) | Conv2d(1, 1, 3, stride=2)"
    ways = seen(text)
    x = torch.zeros(1, 1, *ways.shape, requires_grad=True)
    y = x
    for layer in text.split(" | "):
        module = eval(layer, vars(nn))
        for parameter in module.parameters():
            nn.init.ones_(parameter)
        y = module(y) * (4 if "Pool" in layer else 1)
    assert y.shape == (1, 1, 1, 1)
    y.sum().backward()
    np.testing.assert_array_equal(ways, x.grad[0, 0])


def test_dilations_with_a_common_divisor_leave_holes():
    def stack(*dilations):
        return " | ".join(f"Conv2d(1, 1, 3, dilation={d})" for d in dilations)

    whole, holed = seen(stack(1, 2, 4)), seen(stack(2, 2, 2))
    assert whole.shape == (15, 15)
    assert whole.min() == 1
    assert holed.shape == (13, 13)
    assert (holed == 0).sum() == 13 * 13 - 7 * 7


def test_overlaps_of_transposed_convolutions():
    three = overlaps("ConvTranspose2d(1, 1, 3, stride=2)", (1, 6, 6))
    assert set(three[2:-2, 2:-2].ravel()) == {1, 2, 4}
    four = overlaps("ConvTranspose2d(8, 4, 4, stride=2)", (8, 6, 6))
    assert set(four[2:-2, 2:-2].ravel()) == {4}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("Conv2d(6, 4, 3, groups=2)", 6),
        ("DepthwiseConv2d(6, 3)", 6),
        ("SeparableConv2d(6, 4, 3)", 6),
        ("ConvTranspose2d(6, 3, 2, groups=3)", 6),
        ("Conv2d(6, 6, 1, groups=3) | ChannelShuffle(3) | Conv2d(6, 6, 1, groups=3)", 6),
        ("MaxPool2d(2)", 6),
    ],
)
def test_links_are_what_the_layers_connect(text, size):
    """The product of the layers' link matrices is the dependence that the framework shows."""
    product = np.eye(size)
    for link in links(text, (size, 8, 8)):
        matrix = np.zeros(link.channels)
        for i, o in link.pairs:
            matrix[i, o] = 1
        product = product @ matrix
    text = text.replace("DepthwiseConv2d(6, 3)", "Conv2d(6, 6, 3, groups=6)")
    text = text.replace("SeparableConv2d(6, 4, 3)", "Conv2d(6, 6, 3, groups=6) | Conv2d(6, 4, 1)")
    modules = [eval(layer, vars(nn)) for layer in text.split(" | ")]
    for channel in range(size):
        x = torch.zeros(1, size, 8, 8)
        change = x.clone()
        change[:, channel] = torch.rand(8, 8) + 1
        for module in modules:
            x, change = module(x), module(change)
        fed = (x != change).any(-1).any(-1)[0].numpy()
        np.testing.assert_array_equal(product[channel] > 0, fed)


@pytest.mark.parametrize("text", ["", "1 2; 3", "1 a", "nan 1", " ; ", "1 " * 100])
def test_what_is_no_grid(text):
    with pytest.raises(ValueError, match=r"write rows|rows of equal|at most 64"):
        grid(text)
