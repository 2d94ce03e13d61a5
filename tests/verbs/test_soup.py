"""Weights of several runs averaged: exact, chosen by what they are worth, and honest about it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import hubel
from hubel.cli import app
from hubel.data import decode
from hubel.ops.normalize import Normalize
from hubel.runtime.bundle import Bundle
from hubel.training.run import Run
from hubel.verbs.soup import Soup

GIVEN = {"quick": True, "threads": 1, "progress": "quiet"}


def trained(runs, name, **words):
    return hubel.train("digits", runs=runs, name=name, **{**GIVEN, **words})


def tensors(run):
    return load_file(Bundle.open(run.path).weights)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, three that begin at its weights, and one from scratch."""
    runs = tmp_path_factory.mktemp("soup")
    first = trained(runs, "first")
    tuned = [
        trained(runs, f"tuned-{seed}", weights=first.path, seed=seed, epochs=2, lr=rate)
        for seed, rate in ((1, 0.001), (2, 0.01), (3, 0.003))
    ]
    return runs, first, tuned, trained(runs, "apart", seed=7)


def test_every_run_is_in_the_mean(made, tmp_path):
    _, _, tuned, _ = made
    found = hubel.soup(tuned, every=True, into=tmp_path)
    several = [tensors(run) for run in tuned]
    for name, value in tensors(found.run).items():
        mean = torch.stack([w[name] for w in several]).double().mean(0)
        torch.testing.assert_close(value.double(), mean, rtol=1e-6, atol=1e-8)
    assert found.count == 3
    assert "All runs were kept" in str(found) or "worse than" in str(found)


def test_it_is_a_run_like_any_other(made, tmp_path):
    _, _, tuned, apart = made
    found = hubel.soup(tuned, into=tmp_path)
    run = Run.open(found.run.path)
    assert run.finished
    assert run.report.exists()
    assert run.scores["val_top1"] == pytest.approx(found.score)
    assert found.score >= max(one.score for one in found.ingredients)
    assert hubel.val(run.bundle, golden=True).ok
    kept = {one.run for one in found.ingredients if one.kept}
    assert set(run.recipe.soup) == {str(r.path.resolve()) for r in tuned if str(r.path) in kept}
    assert run.results[-1]["step"] == sum(
        r.results[-1]["step"] for r in tuned if str(r.path) in kept
    )
    assert {entry.name for entry in hubel.compare([run, apart]).entries} == {"lenet5-soup", "apart"}
    again = hubel.soup(tuned, into=tmp_path)
    assert again.run.outcome.probabilities.tobytes() == run.outcome.probabilities.tobytes()


def test_runs_from_scratch_are_left_apart_and_told_so(made, tmp_path):
    _, first, _, apart = made
    found = hubel.soup([first, apart], into=tmp_path)
    best = max((first, apart), key=lambda run: run.scores["val_top1"])
    assert [one.kept for one in found.ingredients] == [True, False]
    assert found.ingredients[0].run == str(best.path)
    assert found.score == pytest.approx(best.scores["val_top1"])
    assert "No average is better" in str(found)
    every = hubel.soup([first, apart], every=True, into=tmp_path)
    assert every.score < found.score
    assert "The average is worse than the best run alone" in str(every)


def test_statistics_of_norms_are_those_of_the_averaged_network(tmp_path):
    words = {"words": {"widen": 0.25}, "network": "resnet14", "augment": (), "batch": 100}
    tuned = [trained(tmp_path, f"r{n}", seed=n, epochs=1, lr=0.02, **words) for n in (0, 1)]
    found = hubel.soup(tuned, every=True, into=tmp_path)
    soup, *several = (tensors(run) for run in (found.run, *tuned))
    name = "stem.0.0.norm.running_mean"
    network = hubel.create("resnet14", classes=10, widen=0.25).eval()
    network.load_state_dict(soup)
    pictures = decode(hubel.open_data("digits").train, found.run.recipe.seen)[0]
    x = torch.from_numpy(np.array(pictures.arrays)).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
    with torch.no_grad():
        maps = network.stem[0][0].conv(Normalize(found.run.recipe.seen)(x))
    torch.testing.assert_close(soup[name], maps.mean((0, 2, 3)), rtol=0.02, atol=0.01)
    assert (several[0][name] - several[1][name]).abs().max() > 0.05


def test_what_cannot_be_averaged_is_refused(made, tmp_path):
    _, first, tuned, _ = made
    other = trained(tmp_path, "other", network="lenet5-1998", pictures=200)
    with pytest.raises(ValueError, match="two runs or more"):
        hubel.soup([first], into=tmp_path)
    with pytest.raises(ValueError, match="given twice"):
        hubel.soup([first, *tuned, first], into=tmp_path)
    with pytest.raises(ValueError, match="differ in network"):
        hubel.soup([first, other], into=tmp_path)
    elsewhere = trained(tmp_path, "elsewhere", split=3)
    with pytest.raises(ValueError, match="validated on other pictures"):
        hubel.soup([first, elsewhere], into=tmp_path)
    with pytest.raises(ValueError, match="not the pictures"):
        hubel.soup(tuned, data=hubel.open_data("digits", seed=5), into=tmp_path)
    (elsewhere.report).unlink()
    with pytest.raises(ValueError, match="not finished"):
        hubel.soup([elsewhere, first], into=tmp_path)
    assert not list(tmp_path.glob("classify/*soup*"))


def test_a_soups_recipe_says_how_it_is_made_again(made, tmp_path):
    _, _, tuned, _ = made
    found = hubel.soup(tuned, every=True, into=tmp_path)
    with pytest.raises(ValueError, match=r"hubel soup .*tuned-1"):
        hubel.train(recipe=str(found.run.path / "recipe.yaml"), runs=tmp_path)


def test_on_the_command_line(made, tmp_path):
    _, _, tuned, _ = made
    asked = ["soup", *(str(run.path) for run in tuned), "--runs", str(tmp_path), "--name", "broth"]
    answer = CliRunner().invoke(app, [*asked, "--json"])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.output)
    assert told["run"] == str(tmp_path / "classify" / "broth")
    assert told["measure"] == "val_top1"
    assert len(told["ingredients"]) == 3
    answer = CliRunner().invoke(app, asked)
    assert "soup of" in answer.output
    assert "broth-2" in answer.output


def test_other_tasks_are_averaged_by_their_own_score(tmp_path):
    runs = [
        hubel.train(
            "shapes", task="localize", network="resnet14", runs=tmp_path, name=f"r{seed}",
            quick=True, seed=seed, epochs=1, pictures=40, size=64, threads=1, progress="quiet",
        )
        for seed in (0, 1)
    ]  # fmt: skip
    found = hubel.soup(runs, into=tmp_path)
    assert isinstance(found, Soup)
    assert found.measure == "val_iou"
    assert found.score >= max(one.score for one in found.ingredients) - 1e-9
