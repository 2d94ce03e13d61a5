from __future__ import annotations

import pytest
import torch

from hubel.networks import create
from hubel.tasks.sliding import difference, to_convolutional


def made(name, **words):
    torch.manual_seed(0)
    network = create(name, **words).eval()
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    return network.double()


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("lenet5", 32),
        ("lenet5-1998", 32),
        ("alexnet", 224),
        ("vgg11", 224),
        ("resnet18", 64),
        ("mobilenetv3_small_100", 64),
        ("squeezenet1_1", 64),
        ("convnext_tiny", 64),
    ],
)
def test_at_the_original_size_the_logits_are_the_network_s(name, size):
    network = made(name)
    sliding = to_convolutional(network, size)
    x = torch.randn(2, network.spec.channels, size, size, dtype=torch.float64)
    logits = sliding(x)
    assert logits.shape[2:] == (1, 1)
    assert torch.allclose(logits[:, :, 0, 0], network(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["lenet5", "lenet5-1998"])
def test_without_padding_every_window_is_the_crop_s(name):
    network = made(name)
    sliding = to_convolutional(network)
    x = torch.randn(1, 1, 45, 60, dtype=torch.float64)
    assert sliding(x).shape == (1, 10, 4, 8)
    assert sliding.step == 4
    assert difference(sliding, network, x) < 1e-12


def test_with_padding_the_difference_is_measured():
    network = made("resnet18")
    sliding = to_convolutional(network, 64)
    apart = difference(sliding, network, torch.randn(1, 3, 96, 128, dtype=torch.float64))
    assert apart > 1e-6


def test_what_cannot_slide_is_refused():
    with pytest.raises(ValueError, match="smaller than the window of 32x32"):
        to_convolutional(create("lenet5"))(torch.zeros(1, 1, 31, 40))
    with pytest.raises(ValueError, match="a head over 7x7 cells"):
        to_convolutional(create("vgg11"), 192)
    with pytest.raises(ValueError, match="the head Scaled has no convolutional form"):
        to_convolutional(create("airbench94"))

    class Odd(torch.nn.Sequential):
        def forward(self, x):
            return super().forward(x).cumsum(1)

    network = create("lenet5")
    network.head = Odd(*network.head)
    with pytest.raises(ValueError, match="the head Odd has no convolutional form"):
        to_convolutional(network)
