"""Recomputed activations: the same numbers from less memory."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import Tensor, nn

from hubel.blocks import Residual
from hubel.data import Batch
from hubel.networks import create
from hubel.training.optimizers import groups, sgd
from hubel.training.recompute import recomputing
from hubel.training.steps import Gradients, State, Update


def one_pass(network: nn.Module, x: Tensor, again: bool) -> tuple[Tensor, list[Tensor], Tensor]:
    """Output, gradients, and the next number that is drawn."""
    torch.manual_seed(1)
    with recomputing(network) if again else contextlib.nullcontext():
        out = network(x)
    out.square().sum().backward()
    grads = [p.grad for p in network.parameters() if p.grad is not None]
    return out.detach(), grads, torch.rand(1)


# Dense blocks with and without bottlenecks, stochastic depth, dropout in blocks, branches.
NETWORKS = {
    "densenet121": 32, "densenet40_12": 32, "resnet14": 32, "efficientnet_b0": 32, "googlenet": 64,
    "mobilenetv3_small_100": 32,
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_same_output_gradients_statistics_and_draws(name):
    made = []
    for again in (False, True):
        torch.manual_seed(0)
        network = create(name, classes=4)
        for part in network.modules():
            if isinstance(part, Residual):
                part.drop = 0.3
        x = torch.randn(3, 3, NETWORKS[name], NETWORKS[name])
        made.append((*one_pass(network, x, again), dict(network.named_buffers())))
        assert "forward" not in vars(network.stages[0])  # the network is as it was
    (out, grads, drawn, buffers), (out2, grads2, drawn2, buffers2) = made
    assert torch.equal(out, out2)
    assert torch.equal(drawn, drawn2)
    unused = len(list(network.aux.parameters()))
    assert len(grads) == len(grads2) == len(list(network.parameters())) - unused
    for one, other in zip(grads, grads2):
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-6 * float(one.abs().max()))
    for buffer, value in buffers.items():
        assert torch.equal(value, buffers2[buffer]), buffer  # counted once


def kept(network: nn.Module, x: Tensor, again: bool) -> int:
    """Bytes that are still there after the forward pass, beyond those of before."""
    cpu = [torch.profiler.ProfilerActivity.CPU]
    way = recomputing(network) if again else contextlib.nullcontext()
    with torch.profiler.profile(profile_memory=True, activities=cpu) as profile, way:
        out = network(x)
    out.sum().backward()
    return sum(event.self_cpu_memory_usage for event in profile.key_averages())


@pytest.mark.parametrize(("name", "share"), [("densenet_bc100_12", 0.1), ("resnet20", 0.4)])
def test_less_is_kept_for_the_backward_pass(name, share):
    network, x = create(name), torch.rand(2, 3, 32, 32)
    plain, again = kept(network, x, False), kept(network, x, True)
    assert again < share * plain


def test_a_dense_block_keeps_its_new_channels_alone():
    """Linear in the depth: Pleiss et al. 2017, figure 2."""
    sizes = {}
    for depth in (8, 16):
        network = create("densenet_bc100_12")
        network.stages = nn.Sequential(network.stages[0][:depth])
        network.head = nn.Sequential(nn.AdaptiveAvgPool2d(1))
        sizes[depth] = kept(network, torch.rand(2, 3, 32, 32), True)
    assert sizes[16] < 2.1 * sizes[8]


def test_as_a_word_of_the_training():
    """The whole step, in parts and with an auxiliary head, changes nothing."""
    weights = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential()
        model.add_module("network", create("resnet14", classes=2))
        optimizer = sgd(groups(model, decay=0.0, decay_all=False), lr=0.1)

        def objective(model, x, y):
            return nn.functional.cross_entropy(model(x), y)

        gradients = Gradients(objective, parts=2, recompute=recompute)
        state = State(model, optimizer, (gradients, Update()), total=2)
        targets = torch.tensor([0, 1, 0, 1])
        batch = Batch(torch.rand(4, 3, 16, 16), targets, targets)
        for step in state.steps:
            step(state, batch)
        weights.append(model.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_modules_of_ones_own_and_frozen_ones():
    torch.manual_seed(0)
    own = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    x = torch.rand(2, 3, 8, 8)
    before = own[1].running_mean.clone()
    one_pass(own, x, True)
    assert not torch.equal(own[1].running_mean, before)
    assert int(own[1].num_batches_tracked) == 1
    own.requires_grad_(False)
    own[3].requires_grad_(True)
    own.zero_grad()
    assert len(one_pass(own, x, True)[1]) == 2
