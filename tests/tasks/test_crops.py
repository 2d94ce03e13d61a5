"""Ten crops and dense scoring, against what they are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hubel.blocks import Classifier, ConvNorm
from hubel.networks import create
from hubel.networks.network import Network
from hubel.networks.spec import Spec, row
from hubel.pictures import Preprocess
from hubel.tasks.crops import Dense, canvas, ten_crop


def test_alexnets_ten_crops():
    picture = np.arange(6 * 8, dtype=np.uint8).reshape(1, 6, 8, 1)
    crops = ten_crop(picture, (4, 4))
    assert [crop.shape for crop in crops] == [(1, 4, 4, 1)] * 10
    corners = [int(crop[0, 0, 0, 0]) for crop in crops[:5]]
    assert corners == [0, 4, 16, 20, 10]  # top left first, the centre last
    for crop, mirrored in zip(crops[:5], crops[5:]):
        np.testing.assert_array_equal(mirrored, crop[:, :, ::-1])
    with pytest.raises(ValueError, match="crops of 9x9 from pictures of 6x8"):
        ten_crop(picture, (9, 9))


def test_the_canvas_is_what_the_crop_is_cut_from():
    assert canvas(Preprocess((224, 224), crop=0.875)) == (256, 256)
    assert canvas(Preprocess((224, 224))) == (256, 256)  # AlexNet's, where nothing is cut
    assert canvas(Preprocess((224, 224), crop=0.875), 9 / 8) == (288, 288)


def plain(network: Network, x: torch.Tensor) -> torch.Tensor:
    return network(x / 255)


SEEN = Preprocess((32, 32), mean=(0.0,) * 3, std=(1.0,) * 3)


def small(grid: int) -> Network:
    """A stride of 8 and a dense head over grid x grid cells, as AlexNet and VGG have."""
    torch.manual_seed(0)
    stages = tuple(row(ConvNorm, 8, stride=2, kernel=2, padding=0) for _ in range(3))
    head = (row(Classifier, 5, hidden=(7,), grid=grid, dropout=0.5),)
    return Network(Spec(stem=(), stages=stages, head=head, size=8 * grid)).eval()


def test_dense_is_the_mean_over_all_windows():
    network = small(4)
    dense = Dense(network, SEEN)
    x = (torch.rand(2, 3, 48, 40) * 255).round()
    windows = [
        plain(network, x[:, :, top : top + 32, left : left + 32])
        for top in (0, 8, 16)
        for left in (0, 8)
    ]
    torch.testing.assert_close(dense(x), torch.stack(windows).mean(0), atol=1e-5, rtol=1e-4)


def test_at_the_networks_own_size_dense_is_the_network():
    for network in (small(4), create("resnet14", classes=5).eval(), create("lenet5").eval()):
        side, channels = network.spec.size, network.spec.channels
        seen = Preprocess((side, side), channels=channels)
        x = (torch.rand(2, channels, side, side) * 255).round()
        torch.testing.assert_close(Dense(network, seen)(x), plain(network, x))


def test_it_is_for_networks_of_the_catalogue():
    with pytest.raises(ValueError, match="dense scoring of Linear"):
        Dense(torch.nn.Linear(2, 2), SEEN)
