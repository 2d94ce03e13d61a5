"""What learns, when and how fast; kept features against those that are computed every time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from hubel.data.augment import Mirror, Shift
from hubel.data.decoding import Pictures
from hubel.networks import create
from hubel.pictures import Preprocess
from hubel.tasks.classify import Classify
from hubel.tasks.losses import cross_entropy
from hubel.training.features import Features, tail
from hubel.training.fit import Trainer
from hubel.training.loop import Rhythm
from hubel.training.progress import Quiet
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.training.transfer import rows, rules

SEEN = Preprocess((16, 16), fit="squash", mean=(0.5,) * 3, std=(0.25,) * 3)
SMALL = Recipe(
    network="resnet14", preprocess=SEEN, epochs=4, batch=8, threads=1, device="cpu",
    optimizer={"name": "adamw", "lr": 0.01}, average=0.9,
)  # fmt: skip


def pictures(count: int, seed: int) -> Pictures:
    """Noise, of which one half is brighter: two classes."""
    draw = np.random.default_rng(seed)
    arrays = draw.integers(0, 120, (count, 16, 16, 3)).astype(np.uint8)
    targets = np.arange(count) % 2
    for array, target in zip(arrays, targets):
        array[8 * target : 8 * target + 8] += 100
    return Pictures(arrays, targets, [f"{i}.png" for i in range(count)], ("up", "down"))


def trainer(recipe: Recipe, **words) -> Trainer:
    torch.manual_seed(recipe.seed)
    network = create(recipe.network, classes=2, **words)
    task = Classify(("up", "down"), SEEN, cross_entropy)
    return Trainer(recipe, task, network, pictures(40, 0), pictures(10, 1))


def fitted(recipe: Recipe, folder, stop_at: int | None = None, **words) -> dict[str, torch.Tensor]:
    """The tensors after a training, stopped and resumed once if a step is given."""

    class Stop(Quiet):
        def step(self, state, loader):
            if state.step == stop_at:
                raise KeyboardInterrupt

    run = Run.create(folder, recipe)
    if stop_at:
        with pytest.raises(KeyboardInterrupt):
            trainer(recipe, **words).fit(run, Stop(), Rhythm(save_steps=1))
    made = trainer(recipe, **words)
    made.fit(run, Quiet())
    return {name: x.clone() for name, x in made.network.state_dict().items()}


def differences(one, other, limit: float = 0.0) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name in one if (one[name].double() - other[name]).abs().max() > limit]


def test_rows_of_networks_and_of_modules_of_ones_own():
    body, heads = rows(create("resnet14"))
    assert body == ["stem", "stages.0", "stages.1", "stages.2"]
    assert heads == ["head.0"]
    body, heads = rows(create("efficientnet_b0"))
    assert body[-1] == "head.0"  # the last convolution is no classifier
    assert heads == ["head.1"]
    assert rows(create("googlenet"))[1] == ["head.0", "aux"]
    own = nn.Sequential()
    own.add_module("conv", nn.Conv2d(3, 4, 3))
    with pytest.raises(ValueError, match="name the last layer `head`"):
        rows(own)
    own.add_module("fc", nn.Linear(4, 2))
    assert rows(own) == (["conv"], ["fc"])


def test_rates_fall_row_by_row_away_from_the_head():
    made = trainer(SMALL.replace(layerwise=0.5, schedule={"name": "constant"}))
    state = made.state(made.model)
    state.steps[0](state, None)
    rates = {
        name: group["rate"]
        for group in state.optimizer.param_groups
        for name, p in made.model.named_parameters()
        if any(p is other for other in group["params"])
    }
    assert len(rates) == len(list(made.model.parameters()))
    for name, rate in rates.items():
        row = name.removeprefix("network.")
        expected = {"head": 1.0, "stem": 1 / 16}.get(row.split(".")[0])
        assert rate == (expected or 0.5 ** (3 - int(row.split(".")[1]))), name
    assert state.lr == 0.01


def test_a_rule_of_ones_own_comes_after(tmp_path):
    recipe = SMALL.replace(thaw=1.0, rules=({"match": r"stages\.2", "freeze": False},))
    made = trainer(recipe)
    free = {name.split(".")[1] for name, p in made.model.named_parameters() if p.requires_grad}
    assert free == {"stages", "head"}
    assert not isinstance(made.loader, Features)
    assert rules(create("resnet14"), 0.0, 1.0) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, {}),
        ({"augment": (Shift(2), Mirror()), "views": 3}, {}),
        ({"augment": (Mirror(),), "views": 2}, {"head": "mlp"}),
    ],
    ids=["as they are", "views", "mlp"],
)
def test_kept_features_train_the_same_head(tmp_path, monkeypatch, changes, words):
    recipe = SMALL.replace(thaw=1.0, **changes)
    assert isinstance(trainer(recipe, **words).loader, Features)
    kept = fitted(recipe, tmp_path, **words)
    with monkeypatch.context() as patch:
        patch.setattr("hubel.training.fit.tail", lambda model: None)
        plain = fitted(recipe, tmp_path, **words)
    assert differences(kept, plain, 1e-4) == []
    fresh = create_state(recipe, words)
    moved = differences(kept, fresh)
    assert moved
    assert all(name.startswith("head.") for name in moved)


def create_state(recipe: Recipe, words) -> dict[str, torch.Tensor]:
    return dict(trainer(recipe, **words).network.state_dict())


def test_features_are_those_behind_the_frozen_layers():
    network = create("mobilenetv2_100", classes=2)
    model = Classify(("a", "b"), SEEN, cross_entropy).model(network)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("network.head.1"))
    cut = tail(model)
    assert cut is not None
    model.eval()
    x = torch.rand(3, 3, 64, 64) * 255
    features = cut.body(x)
    assert features.shape == (3, 1280)  # pooled and flat; the dropout stands behind
    torch.testing.assert_close(cut(features), model(x))
    network.stages[0].requires_grad_(True)
    assert tail(model) is None


@pytest.mark.parametrize("stop_at", [3, 7, 11, 16])
@pytest.mark.parametrize(
    "changes",
    [
        {"thaw": 0.4, "layerwise": 0.5, "augment": (Mirror(),)},  # held until step 8 of 20
        {"thaw": 1.0, "augment": (Mirror(),), "views": 2},
    ],
    ids=["head first", "features"],
)
def test_stopped_in_either_phase_and_resumed_it_is_the_same(tmp_path, changes, stop_at):
    recipe = SMALL.replace(**changes)
    whole = fitted(recipe, tmp_path)
    assert differences(whole, fitted(recipe, tmp_path, stop_at)) == []


def test_head_first_then_all(tmp_path):
    recipe = SMALL.replace(thaw=0.5, average=None)
    fresh = create_state(recipe, {})
    seen: dict[int, list[str]] = {}

    class Look(Quiet):
        def step(self, state, loader):
            now = state.model.get_submodule("network").state_dict()
            seen[state.step] = [n.split(".")[0] for n in differences(dict(now), fresh)]

    made = trainer(recipe)
    run = Run.create(tmp_path, recipe)
    made.fit(run, Look())
    assert made.steps == 20
    assert all(set(seen[step]) == {"head"} for step in range(2, 11))  # the rate begins at 0
    assert set(seen[11]) == {"stem", "stages", "head"}  # norms count from here on too


def test_it_says_what_learns():
    made = trainer(SMALL.replace(thaw=1.0))
    (said,) = made.told()
    assert said == (
        "130 of 174,738 parameters learn; the rest is frozen, its features are computed once"
    )
    first, second = trainer(SMALL.replace(thaw=0.3, layerwise=0.5)).told()
    assert first == "Until step 6 of 20 only the head learns (130 parameters), then all 174,738"
    assert second.endswith("head 1, stages.2 0.5, stages.1 0.25, stages.0 0.125, stem 0.0625")
    assert trainer(SMALL).told() == []


@pytest.mark.parametrize("word", [{"thaw": 1.5}, {"layerwise": 0}, {"views": 0}])
def test_impossible_values(word):
    with pytest.raises(ValueError, match=next(iter(word))):
        SMALL.replace(**word)
