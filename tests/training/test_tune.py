"""Tuning keeps a way only where it is faster and its numbers agree, and says what it did."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hubel.data import Batch
from hubel.training import tune as tuning
from hubel.training.optimizers import groups, sgd
from hubel.training.recipe import Recipe
from hubel.training.steps import Gradients, State, Update
from hubel.training.tune import tune

RECIPE = Recipe(network="none", layout="channels-first", tune=True)
DRAWN = torch.rand(2, 4, 1, 2, 2, generator=torch.Generator().manual_seed(0))
BATCHES = [Batch(pictures, torch.arange(4) % 2, torch.arange(4)) for pictures in DRAWN]


class Clock:
    """A clock that the model moves, so that nothing depends on how busy the machine is."""

    now = 0.0

    def perf_counter(self):
        return self.now


CLOCK = Clock()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(tuning, "time", CLOCK)


class Slow(nn.Module):
    """Linear; takes its time, and is wrong on request."""

    def __init__(self):
        super().__init__()
        self.w, self.wait, self.wrong = nn.Parameter(torch.ones(4, 2)), 0.0, 0.0

    def forward(self, x):
        CLOCK.now += self.wait
        return x.flatten(1) @ self.w * (1 + self.wrong)


def making(**ways):
    """`Trainer.state` for a model that is told what each way does to it."""

    def make(model, recipe):
        key = "compiled" if recipe.compile else recipe.precision
        key = "last" if key == "float32" and recipe.layout == "channels-last" else key
        words = ways.get(key, {"wait": 0.01})
        if "error" in words:
            raise words["error"]
        model.wait, model.wrong = words["wait"], words.get("wrong", 0.0)
        optimizer = sgd(groups(model, decay=0.0, decay_all=False), lr=0.1)

        def objective(model, x, y):
            return nn.functional.cross_entropy(model(x), y)

        return State(model, optimizer, (Gradients(objective), Update()), total=10)

    return make


def go(steps=1000, compiling=1e9, **ways):
    model = Slow()
    found = tune(RECIPE, making(**ways), model, BATCHES, steps, compiling=compiling)
    assert torch.equal(model.w, torch.ones(4, 2))  # measured on copies
    assert not found.recipe.tune
    return found


def test_the_fastest_that_agrees_is_kept():
    found = go(last={"wait": 0.005}, bf16={"wait": 0.001})
    assert (found.recipe.precision, found.recipe.layout) == ("bf16", "channels-last")
    assert "times as fast as float32, channels-first, eager" in found.said[0]
    assert "compilation was not tried" in found.said[-1]


def test_wrong_numbers_are_refused_however_fast():
    found = go(last={"wait": 0.006}, bf16={"wait": 0.001, "wrong": 30.0})
    assert (found.recipe.precision, found.recipe.layout) == ("float32", "channels-last")
    assert any("bf16, channels-last, eager is not used: its gradient" in s for s in found.said)


def test_not_a_number_does_not_agree():
    assert go(bf16={"wait": 0.001, "wrong": float("nan")}).recipe.precision == "float32"


def test_what_is_hardly_faster_is_left():
    found = go(last={"wait": 0.0099}, bf16={"wait": 0.02})
    assert found.recipe == RECIPE.replace(tune=False)


def test_compilation_must_pay_for_itself():
    assert go(compiling=0, compiled={"wait": 0.001}).recipe.compile
    found = go(compiling=0, compiled={"wait": 0.02})
    assert not found.recipe.compile
    assert "against" in found.said[-1]


def test_no_compiler_is_no_obstacle():
    found = go(compiling=0, compiled={"error": RuntimeError("no C++ compiler found\nmore")})
    assert not found.recipe.compile
    assert (
        found.said[-1] == "compilation is not possible here (RuntimeError: no C++ compiler found)"
    )


def test_it_takes_no_more_than_its_share():
    before = CLOCK.now
    go(steps=300)
    assert CLOCK.now - before <= 0.05 * 300 * 0.01


def test_a_short_run_is_not_tuned():
    found = go(steps=100)
    assert found.recipe == RECIPE.replace(tune=False)
    assert "100 steps are too few to tune" in found.said[0]


def test_the_generators_are_as_before():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    go()
    assert torch.equal(torch.get_rng_state(), before)
