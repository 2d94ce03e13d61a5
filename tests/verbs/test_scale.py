from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import hubel
from hubel.analysis.scaling import SINGLE, grid
from hubel.cli import app
from hubel.cli.scale import said
from hubel.training.run import Run

GIVEN = {
    "words": {"width": 8}, "recipe": "digits", "size": 16, "epochs": 1, "pictures": 100, "phi": 1,
    "jobs": 1, "progress": "quiet",
}  # fmt: skip
TYPED = [
    *("resnet14", "--data", "digits", "--word", "width=8", "--recipe", "digits", "--size", "16"),
    *("--epochs", "1", "--pictures", "100", "--phi", "1"),
]


@pytest.fixture(scope="module")
def scaled(tmp_path_factory):
    """All on one of the three: four trainings in place of fifteen."""
    runs = tmp_path_factory.mktemp("scale")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hubel.verbs.scale.grid", lambda: grid(1))
        yield runs, hubel.scale("resnet14", "digits", runs=runs, **GIVEN)


def test_the_best_within_the_cost_leads_the_family(scaled):
    runs, found = scaled
    # 8 channels times 1.41 are 16: too dear for the grid, but a line of its own
    assert list(found.left_out) == [SINGLE["width"]]
    assert {member.factors for member in found.tried} == {SINGLE["depth"], SINGLE["size"]}
    assert found.tried[0].score >= found.tried[1].score
    assert found.best == found.tried[0].factors
    assert set(found.lines) == {"compound", "depth", "width", "size"}
    for line in found.lines.values():
        assert line[0] == found.base
        assert line[1].macs > 1.7 * line[0].macs
        assert line[1].latency > 0 < line[1].epoch
    deep, wide, large = (found.lines[line][1] for line in ("depth", "width", "size"))
    assert deep.words == {"width": 8, "deepen": 2.0}
    assert (wide.words["widen"], wide.size, large.size) == (1.414, 16, 23)
    assert large.params == found.base.params < deep.params < wide.params
    assert len(list((runs / "classify").iterdir())) == 4
    recipe = Run.open(runs / "classify" / "resnet14-width-8-deepen-2.0-16px-digits-0").recipe
    assert (recipe.words, recipe.threads, recipe.seed) == (deep.words, 1, 0)


def test_what_is_said_and_shown(scaled, tmp_path):
    _, found = scaled
    text = said(found)
    assert re.search(r"width +1 +resnet14 width=8 widen=1.414 +16 +\S+ K? ?.*\(x2.00\)", text)
    assert "One seed says little about the way they were trained" in text
    values = json.loads(json.dumps(found.to_dict()))
    assert values["alpha"] * values["beta"] ** 2 * values["gamma"] ** 2 == pytest.approx(2)
    assert len(values["lines"]["width"][1]["top1"]) == 1
    page = found.write(tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 7
    assert "costs too much once rounded, and was not trained" in page
    assert "widen=1.414" in page


def test_a_second_time_nothing_is_trained_again(scaled, monkeypatch):
    runs, found = scaled
    times = [path.stat().st_mtime_ns for path in sorted(runs.glob("classify/*/results.csv"))]
    monkeypatch.setattr("hubel.verbs.scale.grid", lambda: grid(1))
    again = hubel.scale("resnet14", "digits", runs=runs, **GIVEN)
    assert again.verdicts == found.verdicts
    assert times == [
        path.stat().st_mtime_ns for path in sorted(runs.glob("classify/*/results.csv"))
    ]


def test_what_makes_no_sense_is_refused_before_training(tmp_path):
    runs = tmp_path / "none"
    for changes, says in (
        ({"phi": 0}, "phi=0"),
        ({"seeds": 0}, "seeds=0"),
        ({"jobs": 0}, "jobs=0"),
    ):
        with pytest.raises(ValueError, match=says):
            hubel.scale("resnet14", "digits", runs=runs, **{**GIVEN, **changes})
    with pytest.raises(
        ValueError, match=r"lenet5 cannot be scaled by depth x1, width x1, size x1\.41"
    ):
        hubel.scale("lenet5", "digits", runs=runs, progress="quiet")
    with pytest.raises(ValueError, match="takes a name of hubel networks"):
        hubel.scale("json:dumps", "digits", runs=runs, progress="quiet")
    done = CliRunner().invoke(app, ["scale", "resnet14", "--data", str(tmp_path / "nothing")])
    assert isinstance(done.exception, ValueError)
    assert not runs.exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no group of processes to interrupt")
def test_side_by_side_interrupted_and_begun_again(tmp_path):
    """Ctrl-C reaches all of them: they save, and the next time goes on from there."""
    command = [sys.executable, "-m", "hubel", "scale", *TYPED, "--jobs", "2"]
    command += ["--runs", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 240
    while not list(tmp_path.glob("classify/*/checkpoints")) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 130, errors
    assert "Type the same again to go on" in errors
    assert "Traceback" not in errors
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("classify/*/report.html")}
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["tried"]) > 5
    assert before == {path: path.stat().st_mtime_ns for path in before}
