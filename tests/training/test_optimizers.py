from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from hubel.training.optimizers import adamw, groups, sgd
from hubel.training.tensorwise import Lamb, Muon, orthogonal


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 6 * 6, 2)
    )


def test_decay_is_for_weights_unless_all_is_said():
    made = groups(network(), decay=0.1, decay_all=False)
    assert {(g["weight_decay"], len(g["params"])) for g in made} == {(0.1, 2), (0.0, 4)}
    (one,) = groups(network(), decay=0.1, decay_all=True)
    assert len(one["params"]) == 6


def test_rules_freeze_and_scale_by_name_and_the_later_one_wins():
    net = network()
    rules = (
        {"match": r"^[01]\.", "freeze": True},
        {"match": r"^1\.", "freeze": False, "rate": 0.1},
        {"match": "bias", "decay": 0.5},
    )
    made = groups(net, decay=0.0, decay_all=True, rules=rules)
    assert not net[0].weight.requires_grad
    assert net[1].weight.requires_grad
    assert {(g["rate"], g["weight_decay"], len(g["params"])) for g in made} == {
        (0.1, 0.0, 1), (0.1, 0.5, 1), (1.0, 0.0, 1), (1.0, 0.5, 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"match": "layer9"}, "'layer9' matches no parameter; there are: 0.weight"),
        ({"match": "0", "freez": True}, "freeze"),
        ({"freeze": True}, "needs `match`"),
        ({"match": "("}, "is no expression"),
        ({"match": ".", "freeze": True}, "every parameter is frozen"),
    ],
)
def test_rules_that_cannot_be_meant(rule, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        groups(network(), decay=0.0, decay_all=True, rules=(rule,))


@pytest.mark.parametrize("shape", [(16, 16), (8, 72), (40, 9)])
def test_orthogonal_brings_the_singular_values_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape), iterations=8))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_muon_turns_a_filters_step_into_an_orthogonal_one():
    w = nn.Parameter(torch.zeros(4, 2, 3, 3))
    b = nn.Parameter(torch.zeros(4))
    optimizer = Muon([w, b], lr=0.1, momentum=0.0, iterations=8, other=0.5)
    torch.manual_seed(0)
    w.grad, b.grad = torch.randn_like(w), torch.ones(4)
    optimizer.step()
    values = torch.linalg.svdvals(w.detach().flatten(1))
    assert values.min() > 0.06
    assert values.max() < 0.13
    assert torch.allclose(b.detach(), torch.full((4,), -0.05))


@pytest.mark.parametrize(
    ("ours", "plain"),
    [
        (adamw, lambda w: torch.optim.AdamW(w, lr=0.1, foreach=False)),
        (
            lambda w, lr: sgd(w, lr=lr, momentum=0.9, nesterov=True),
            lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.9, nesterov=True, foreach=False),
        ),
    ],
)
def test_one_pass_is_the_step_by_step_form_in_any_layout(ours, plain):
    torch.manual_seed(0)
    start, gradient = torch.randn(5, 4, 3, 3), torch.randn(5, 4, 3, 3)
    ends = []
    for make in (lambda w: ours(w, lr=0.1), plain):
        w = nn.Parameter(start.clone(memory_format=torch.channels_last))
        optimizer = make([w])
        for _ in range(4):
            w.grad = gradient.clone()  # channels first, as a hook may leave it
            optimizer.step()
            kept = optimizer.state_dict()
            for state in kept["state"].values():
                state.update({k: x.contiguous() for k, x in state.items() if torch.is_tensor(x)})
            optimizer.load_state_dict(kept)
        ends.append(w.detach())
    assert torch.allclose(*ends, atol=1e-6)


def test_lamb_by_hand():
    w = nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = Lamb([w], lr=0.1, eps=0.0)
    w.grad = torch.tensor([1.0, -2.0])
    optimizer.step()  # the first step of Adam is the sign of the gradient: u = (1, -1)
    expected = torch.tensor([3.0, 4.0]) - 0.1 * 5 / 2**0.5 * torch.tensor([1.0, -1.0])
    assert torch.allclose(w.detach(), expected)


@pytest.mark.parametrize("kind", [Lamb, Muon])
def test_they_descend_and_their_state_survives(kind):
    torch.manual_seed(0)
    target = torch.randn(6, 6)
    w = nn.Parameter(torch.randn(6, 6))
    optimizer = kind([w], lr=0.05)

    def step(w, optimizer):
        optimizer.zero_grad()
        loss = (w - target).square().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    first = step(w, optimizer)
    for _ in range(40):
        last = step(w, optimizer)
    assert last < first / 2
    other = nn.Parameter(w.detach().clone())
    again = kind([other], lr=0.05)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    step(w, optimizer)
    step(other, again)
    assert torch.equal(w, other)


def test_muon_keeps_filters_of_unit_length():
    torch.manual_seed(0)
    w, dense = nn.Parameter(torch.randn(4, 2, 3, 3) * 7), nn.Parameter(torch.randn(4, 6))
    before = dense.detach().clone()
    optimizer = Muon([w, dense], lr=0.0, unit=True)
    w.grad, dense.grad = torch.randn_like(w), torch.randn_like(dense)
    optimizer.step()
    assert w.norm().item() == pytest.approx(2.0)  # sqrt(4 filters)
    assert torch.equal(dense, before)
