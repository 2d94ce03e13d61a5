"""Heat maps mean what they say: they need the weights, and they point at the right half."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from hubel.explain.heat import heats, occlusion
from hubel.explain.maps import axes, spread
from hubel.networks import create


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of (H, W) values, the mean rank for equal ones."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place.reshape(-1)]


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where one of the maps is flat."""
    x, y = ranks(a), ranks(b)
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def halves(trained, count: int):
    """Pictures of two digits side by side (N, 1, 32, 64), with the class of each half."""
    x, y = trained.pictures, trained.targets
    left = torch.arange(len(x) - 1)
    left = left[y[:-1] != y[1:]][:count]
    return torch.cat([x[left], x[left + 1]], dim=3), torch.stack([y[left], y[left + 1]])


@pytest.mark.parametrize("kind", ["gradcam", "gradcam_plus"])
def test_heat_points_at_the_half_of_its_class(trained, kind):
    pictures, classes = halves(trained, 150)
    hits = total = 0
    for side in (0, 1):
        maps = getattr(heats(trained.net, pictures, classes[side]), kind)
        peak = maps.reshape(len(maps), -1).argmax(1) % 64
        hits += int(((peak >= 32) == side).sum())
        total += len(maps)
    assert hits / total >= 0.95


def test_occlusion_points_at_the_half_of_its_class(trained):
    pictures, classes = halves(trained, 20)
    hits = 0
    for side in (0, 1):
        for x, label in zip(pictures, classes[side].tolist()):
            fallen = occlusion(trained.net, x, label, patch=16)
            hits += (fallen[:, 32:].sum() > fallen[:, :32].sum()) == side
    assert hits / 40 >= 0.95


def test_random_weights_destroy_the_heat(trained):
    """The sanity check of Adebayo et al. 2018, arXiv 1810.03292: cascading randomization."""
    pictures, classes = halves(trained, 40)
    known = heats(trained.net, pictures, classes[0]).gradcam
    again = heats(copy.deepcopy(trained.net), pictures, classes[0]).gradcam
    np.testing.assert_array_equal(known, again)
    net = copy.deepcopy(trained.net)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for part in net.modules():
            if isinstance(part, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
                part.reset_parameters()
    found = heats(net, pictures, classes[0]).gradcam
    assert np.mean([agreement(a, b) for a, b in zip(known, found)]) < 0.3


def test_gradcam_of_one_linear_layer_is_known():
    """With one convolution and global pooling Grad-CAM is w_k A_k / cells, by hand."""
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
    x = torch.tensor([[1.0, -2.0], [3.0, -4.0]])[None, None]
    found = heats(net, x, torch.tensor([0]))
    assert found.layer == "0"
    np.testing.assert_allclose(found.gradcam[0], [[0.25, 0], [0.75, 0]])
    # Grad-CAM++ of the second class: g = 1/4 everywhere, so w = g^2 / (2 g^2 + g^3 sum A).
    plus = heats(net, x, torch.tensor([1])).gradcam_plus
    w = (1 / 16) / (2 / 16 + (1 / 64) * 2)  # sum A of channel 1 is -(1 - 2 + 3 - 4) = 2
    np.testing.assert_allclose(plus[0], [[0, 2 * w], [0, 4 * w]], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "layer", "cells"),
    [
        ("lenet5", "stages.2", (10, 10)),  # the last convolution in front of the dense layers
        ("resnet14", "stages.2", (8, 8)),
        ("squeezenet1_1", "head.0.0.1", (13, 13)),  # its class maps
        ("airbench94", "stages.2", (3, 3)),
    ],
)
def test_the_layer_is_found(name, layer, cells):
    net = create(name)
    size = net.spec.size
    found = heats(net, torch.rand(1, net.spec.channels, size, size), torch.tensor([0]))
    assert (found.layer, found.cells.shape) == (layer, (1, *cells))
    assert found.gradcam.shape == found.gradcam_plus.shape == (1, size, size)
    assert net.training  # as it was


def test_a_module_without_maps_is_refused():
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    with pytest.raises(ValueError, match="no module of this network gives a map"):
        heats(net, torch.rand(2, 1, 4, 4), torch.tensor([0, 1]))


def test_relu_in_place_changes_nothing():
    torch.manual_seed(0)

    def net(inplace: bool) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(inplace), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )

    one, two = net(False), net(True)
    two.load_state_dict(one.state_dict())
    x, k = torch.rand(2, 3, 8, 8), torch.tensor([0, 1])
    np.testing.assert_allclose(heats(one, x, k).gradcam, heats(two, x, k).gradcam, rtol=1e-6)


def test_cells_are_spread_where_they_stand():
    """LeNet-5's C3 (valid padding): the centre of cell (i, j) is pixel 6.5 + 2 i."""
    rows, columns = axes(create("lenet5"), "stages.2", (1, 32, 32), (10, 10))
    assert (rows.jump, rows.offset) == (2, 6.5)
    cells = np.zeros((10, 10), np.float32)
    cells[3, 7] = 1
    heat = spread(cells, rows, columns, (32, 32))
    middle = np.argwhere(heat == heat.max()).mean(axis=0)
    np.testing.assert_allclose(middle, [6.5 + 2 * 3, 6.5 + 2 * 7])


def test_a_patch_too_large_is_refused(trained):
    with pytest.raises(ValueError, match="patch=33"):
        occlusion(trained.net, trained.pictures[0], 0, patch=33)
