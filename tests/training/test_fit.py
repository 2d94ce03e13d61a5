"""The trainer: what the recipe `speed` asks for, and ways of computing that resume exactly."""

from __future__ import annotations

import copy
import itertools
import shutil

import pytest
import torch

from hubel import recipes
from hubel.data import Batch
from hubel.networks import create
from hubel.tasks.classify import Classify
from hubel.tasks.losses import cross_entropy
from hubel.training.fit import Trainer
from hubel.training.recipe import Recipe
from hubel.training.steps import Gradients, ScaledUpdate, State


class Stripes(torch.utils.data.Dataset):
    """Pictures 32x32 of two kinds of stripes."""

    def __len__(self):
        return 24

    def __getitem__(self, i):
        line = torch.arange(32) * (i % 7 + 1) % 5 * 50
        picture = (line[:, None] if i % 2 else line[None]).expand(3, 32, 32)
        return picture.to(torch.uint8), i % 2


def trainer(recipe: Recipe) -> Trainer:
    torch.manual_seed(recipe.seed)
    task = Classify(("lying", "standing"), recipe.seen, cross_entropy)
    network = create(recipe.network, classes=2, channels=recipe.seen.channels)
    return Trainer(recipe, task, network, Stripes(), Stripes())


def advance(made: Trainer, state: State, until: int) -> list[int]:
    """Steps up to `until`; the sides of the pictures on the way."""
    sides = []
    while state.step < until:
        epoch, start = divmod(state.step, made.loader.steps)
        for batch in itertools.islice(made.loader.epoch(epoch, start), until - state.step):
            for step in state.steps:
                step(state, batch)
            state.step += 1
            sides.append(batch.pictures.shape[-1])
    return sides


def resumed(recipe: Recipe) -> None:
    """A training that is taken up in the middle ends with the bits of one that is not."""
    made = trainer(recipe)
    state = made.state(made.model)
    advance(made, state, 4)
    kept = copy.deepcopy((state.model.state_dict(), state.optimizer.state_dict()))
    advance(made, state, 8)
    again = trainer(recipe)
    other = again.state(again.model)
    other.model.load_state_dict(kept[0])
    other.optimizer.load_state_dict(kept[1])
    other.step = 4
    advance(again, other, 8)
    pairs = zip(state.model.state_dict().values(), other.model.state_dict().values())
    assert all(torch.equal(a, b) for a, b in pairs)


SPEED = recipes.load("speed").replace(batch=6, steps=8, threads=1, tune=False)


def test_speed_grows_whitens_and_freezes():
    made = trainer(SPEED)
    first = copy.deepcopy(made.network.stem.state_dict())
    half = len(first["0.0.conv.weight"]) // 2
    assert torch.equal(first["0.0.conv.weight"][:half], -first["0.0.conv.weight"][half:])
    state = made.state(made.model)
    sides = advance(made, state, 8)
    assert sides == sorted(sides)
    assert {sides[0], sides[-1]} == {SPEED.sizes[0][1], 32}
    after = made.network.stem.state_dict()
    assert all(torch.equal(first[name], after[name]) for name in first)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_speed_resumes_exactly(precision):
    resumed(SPEED.replace(precision=precision))


@pytest.mark.slow  # compiling takes a minute
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("cl")), reason="no C++ compiler")
def test_a_compiled_training_resumes_exactly():
    digits = recipes.load("digits").replace(preprocess=SPEED.preprocess, augment=(), average=None)
    resumed(digits.replace(network="lenet5", batch=6, steps=8, threads=1, compile=True))
    torch.compiler.reset()


def test_fp16_needs_a_gpu():
    with pytest.raises(ValueError, match="precision='fp16' on cpu: it needs an NVIDIA GPU"):
        trainer(SPEED.replace(precision="fp16", device="cpu"))


def test_growing_pictures_need_a_network_that_takes_them():
    with pytest.raises(ValueError, match="pictures of 24x24 do not go through the network"):
        trainer(SPEED.replace(network="lenet5", whiten=False, rules=()))


def test_a_scaled_step_is_the_same_step_and_skips_what_overflows():
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    model = torch.nn.ParameterList([w])
    optimizer = torch.optim.SGD([w], lr=0.1)

    def objective(model, x, y):
        return (w * x.flatten()[0]).sum()

    update = ScaledUpdate(scaler)
    state = State(model, optimizer, (Gradients(objective, scale=scaler.scale), update), total=3)

    def step(x):
        batch = Batch(torch.full((1, 1, 1, 1), x), torch.zeros(1), torch.arange(1))
        for element in state.steps:
            element(state, batch)

    step(3.0)
    assert w.tolist() == pytest.approx([0.7, 1.7])
    step(float("inf"))
    assert w.tolist() == pytest.approx([0.7, 1.7])
    assert scaler.get_scale() == 512.0
    other = ScaledUpdate(torch.amp.GradScaler("cpu"))
    other.load_state_dict(update.state_dict())
    assert other.scaler.get_scale() == 512.0
