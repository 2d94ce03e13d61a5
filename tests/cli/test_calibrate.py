"""calibrate: from a run's outcome to a bundle that says "I don't know"."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hubel.export import change
from hubel.export.change import recalibrate
from hubel.runtime.decode.classify import softmax
from hubel.runtime.golden import replay
from hubel.runtime.predictor import load
from hubel.tasks.outcome import Outcome
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.verbs.calibrate import calibrate
from hubel.verbs.predict import predict


@pytest.fixture
def run(tmp_path, bundle) -> Run:
    """A run with a real bundle, whose answers were drawn: too sure by half, wrong where unsure."""
    run = Run.create(tmp_path / "runs", Recipe(network="lenet5", data="digits"))
    bundle.replace(run.bundle)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, 10)) * rng.uniform(1, 8, (2000, 1))
    p = softmax(z)
    truths = (p.cumsum(axis=1) < rng.random((2000, 1))).sum(axis=1).clip(0, 9)
    given = softmax(1.5 * z)
    losses = -np.log(np.maximum(given[np.arange(2000), truths], 1e-30))
    Outcome(tuple(map(str, range(2000))), truths, given, losses).save(run.path / "outcome.npz")
    return run


def test_a_bundle_obeys(run):
    before = {f: f.read_bytes() for f in run.bundle.glob("model.*")}
    found = calibrate(run.path, precision=0.95)
    assert found.temperature.value == pytest.approx(1.5, rel=0.1)
    assert found.temperature.after.error < found.temperature.before.error
    assert found.threshold is not None
    assert abs(found.threshold.held - 0.95) < 0.02
    assert {f: f.read_bytes() for f in run.bundle.glob("model.*")} == before
    predictor = load(run.bundle)
    assert replay(predictor).ok
    assert predictor.bundle.temperature == found.temperature.value
    assert predictor.bundle.threshold == found.threshold.confidence
    # The network's weights are by chance: it knows nothing, and says so.
    answer = predict(run.bundle, next((run.bundle / "golden").glob("*.png")))[0]
    assert answer.unsure
    assert answer.label is None
    assert answer.confidence == answer.top[0][1] < found.threshold.confidence
    facts = json.loads((run.bundle / "bundle.json").read_text(encoding="utf-8"))
    assert facts["thresholds"]["precision"] == 0.95
    assert "I don't know" in (run.bundle / "README.md").read_text(encoding="utf-8")
    assert sorted(p.name for p in run.path.iterdir()) == ["bundle", "outcome.npz", "recipe.yaml"]

    assert calibrate(run.path).threshold is None
    assert load(run.bundle).bundle.threshold == 0


def test_a_precision_out_of_reach_changes_nothing(run):
    before = (run.bundle / "bundle.json").read_bytes()
    with pytest.raises(ValueError, match=r"it takes 100,000 sure answers .* of 2,000 pictures"):
        calibrate(run, precision=0.99999)
    assert (run.bundle / "bundle.json").read_bytes() == before


def test_the_command(run, hubel, tmp_path):
    said = hubel("calibrate", run.path, "--precision", 0.95)
    assert (said.code, said.err) == (0, "")
    assert "of the pictures get one" in said.out
    golden = run.bundle / "golden"
    said = hubel("predict", run.path, golden, "--sort-into", tmp_path / "sorted")
    assert said.out.count("I don't know") == len(list(golden.glob("*.png")))
    assert len(list((tmp_path / "sorted" / "I don't know").iterdir())) == 3
    said = hubel("predict", run.path, golden, "--csv", "-")
    assert said.out.count("I don't know") == 3
    said = hubel("calibrate", tmp_path)
    assert said.code == 2
    assert "not a run folder" in said.err


def test_a_killed_recalibration_leaves_the_old_bundle(run, monkeypatch):
    before = (run.bundle / "SHA256SUMS").read_bytes()

    def broken(part: Path, engine: str) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(change, "prove", broken)
    with pytest.raises(OSError, match="no space"):
        recalibrate(run.bundle, {"temperature": 2.0, "method": "by hand"}, {})
    assert (run.bundle / "SHA256SUMS").read_bytes() == before
    assert sorted(p.name for p in run.path.iterdir()) == ["bundle", "outcome.npz", "recipe.yaml"]
