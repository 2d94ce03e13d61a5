"""Stochastic depth: what is dropped, how often, and that use knows nothing of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hubel.blocks import Residual, Sum
from hubel.networks import create

ADDING = [
    "resnet14", "legacy_seresnet18", "wrn16_4", "mobilenet_v2", "efficientnet_b0", "regnetx_002",
    "convnext_tiny", "shufflenet_v1_x1_0_g3", "dpn68", "legacy_xception", "airbench96",
]  # fmt: skip


@pytest.mark.parametrize("name", ADDING)
def test_the_probability_grows_linearly_with_depth(name):
    with torch.device("meta"):
        network = create(name, drop=0.4)
    drops = [
        part.drop for part in network.modules() if isinstance(part, Sum) and part.drop is not None
    ]
    steps = [b - a for a, b in zip([0.0, *drops], drops)]
    assert drops[-1] == pytest.approx(0.4)
    assert steps == pytest.approx([0.4 / len(drops)] * len(drops))


@pytest.mark.parametrize("name", ["resnet14", "wrn16_4", "shufflenet_v1_x1_0_g3", "airbench96"])
def test_evaluation_knows_nothing_of_it(name):
    network = create(name)
    dropping = create(name, weights=network.state_dict(), drop=0.5)
    x = torch.randn(2, 3, 64, 64)
    torch.manual_seed(1)
    with torch.inference_mode():
        assert torch.equal(network.eval()(x), dropping.eval()(x))
    assert torch.initial_seed() == 1
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after), "evaluation drew numbers"


def test_training_is_repeated_by_the_generator():
    network = create("resnet14", drop=0.5).train()
    x = torch.randn(4, 3, 32, 32)
    state = torch.get_rng_state()
    first = network(x)
    assert not torch.equal(network(x), first)
    torch.set_rng_state(state)
    assert torch.equal(network(x), first)


def test_whole_branches_of_single_pictures_are_dropped_and_the_mean_stays():
    block = Residual(nn.Identity(), nn.Identity())
    x = torch.ones(40_000, 2, 1, 1)
    assert torch.equal(block.train()(x), 2 * x)
    block.drop = 0.25
    torch.manual_seed(0)
    y = block(x)
    assert y.unique().tolist() == pytest.approx([1, 1 + 1 / 0.75])
    assert torch.equal(y[:, 0], y[:, 1])
    assert y.mean().item() == pytest.approx(2, abs=0.01)  # 3.5 deviations
    assert torch.equal(block.eval()(x), 2 * x)


@pytest.mark.parametrize(
    ("name", "drop", "says"),
    [
        ("vgg11", 0.2, "adds nothing to a shortcut"),
        ("plain20", 0.2, "adds nothing to a shortcut"),
        ("densenet121", 0.2, "adds nothing to a shortcut"),
        ("resnet14", 1.0, "takes 0 to below 1"),
        ("resnet14", -0.5, "takes 0 to below 1"),
        ("resnet14", 1, "takes 0 to below 1"),
    ],
)
def test_what_cannot_be_dropped(name, drop, says):
    with torch.device("meta"), pytest.raises(ValueError, match=says):
        create(name, drop=drop)
