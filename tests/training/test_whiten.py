"""The whitening first layer: its outputs over the pictures it was made from are white."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from hubel.networks import create
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess
from hubel.training.whiten import whiten

SEEN = Preprocess((16, 16), mean=(0.5,) * 3, std=(0.25,) * 3)


def model(name, **words):
    network = create(name, classes=10, **words)
    return torch.nn.Sequential(OrderedDict(normalize=Normalize(SEEN), network=network))


def test_outputs_are_uncorrelated_and_of_unit_power():
    torch.manual_seed(0)
    made = model("airbench94")
    smooth = torch.nn.functional.avg_pool2d(torch.rand(300, 3, 18, 18), 3, 1) * 255
    whiten(made, smooth, eps=0.0)
    conv = made.network.stem[0][0].conv
    out = conv(made.normalize(smooth)).transpose(0, 1).flatten(1).double()  # (24, patches)
    first, second = out[:12], out[12:]
    assert torch.allclose(first, -second, atol=1e-3)
    moments = first @ first.T / first.shape[1]
    assert torch.allclose(moments, torch.eye(12, dtype=torch.float64), atol=0.02)


def test_a_convolution_that_cannot_be_white_is_refused():
    with pytest.raises(
        ValueError, match=r"has 64 filters; patches of 3x3 and 3 channels .* most 54"
    ):
        whiten(model("vgg11"), torch.rand(4, 3, 16, 16) * 255)
