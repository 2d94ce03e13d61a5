from __future__ import annotations

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

import hubel
from hubel.cli import app
from hubel.training.run import Run

SWAPS = [{"act": "tanh"}]
GIVEN = {"epochs": 1, "seeds": 2, "threads": 1, "progress": "quiet"}


@pytest.fixture(scope="module")
def ablated(tmp_path_factory):
    runs = tmp_path_factory.mktemp("ablate")
    return runs, hubel.ablate("lenet5", SWAPS, "digits", runs=runs, **GIVEN)


def folders(runs):
    return sorted((runs / "classify").iterdir())


def test_an_ablation_compares_every_form_with_the_network(ablated):
    runs, found = ablated
    assert {entry.name for entry in found.entries} == {"lenet5", "lenet5 act=tanh"}
    assert all(entry.seeds == 2 for entry in found.entries)
    assert [(pair.first, pair.second) for pair in found.pairs] == [("lenet5 act=tanh", "lenet5")]
    assert {cost.params for cost in found.costs} == {61706}
    assert all(cost.latency > 0 and cost.training > 0 for cost in found.costs)
    assert len(folders(runs)) == 4


def test_a_second_time_nothing_is_trained_again(ablated, monkeypatch):
    runs, found = ablated
    times = [(path / "results.csv").stat().st_mtime_ns for path in folders(runs)]
    again = hubel.ablate("lenet5", SWAPS, "digits", runs=runs, **GIVEN)
    assert again.pairs == found.pairs
    assert times == [(path / "results.csv").stat().st_mtime_ns for path in folders(runs)]
    with pytest.raises(ValueError, match="holds another training"):
        hubel.ablate("lenet5", SWAPS, "digits", runs=runs, **{**GIVEN, "epochs": 2})


def test_what_makes_no_sense_is_refused_before_training(tmp_path):
    for swaps, words in (
        ([{"skip": "none"}], "unknown word"),
        ([{"act": "relu"}], "has act=relu already"),
        ([], "give at least one swap"),
    ):
        with pytest.raises(ValueError, match=words):
            hubel.ablate("lenet5", swaps, "digits", runs=tmp_path / "none")
    with pytest.raises(ValueError, match="seeds=0"):
        hubel.ablate("lenet5", SWAPS, "digits", seeds=0, runs=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_command(ablated, tmp_path):
    runs, found = ablated
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["compare", *map(str, folders(runs)), "--html", str(page)])
    assert done.exit_code == 0, done.output
    assert re.search(r"lenet5 +2 +\d", done.output)
    assert str(found.pairs[0])[:30] in done.output
    html = page.read_text(encoding="utf-8")
    assert "Differences" in html
    assert html.count("<svg") >= 5
    done = CliRunner().invoke(app, ["compare", *map(str, folders(runs)), "--json"])
    assert json.loads(done.stdout)["pairs"][0]["real"] in (True, False)


def test_runs_that_cannot_be_compared(ablated, tmp_path):
    runs, _ = ablated
    paths = folders(runs)
    with pytest.raises(ValueError, match="not a run folder"):
        hubel.compare([paths[0], tmp_path])
    with pytest.raises(ValueError, match="same training in several seeds"):
        hubel.compare([paths[0], paths[0]])
    for missing, words in (("report.html", "is not finished"), ("bundle", "bundle")):
        broken = shutil.copytree(paths[0], tmp_path / missing)
        target = broken / missing
        target.unlink() if target.is_file() else shutil.rmtree(target)
        with pytest.raises(ValueError, match=words):
            hubel.compare([paths[0], broken])


def test_other_pictures_and_other_classes_are_refused(ablated, tmp_path):
    runs, _ = ablated
    first = folders(runs)[0]
    given = {"epochs": 1, "threads": 1, "progress": "quiet", "runs": tmp_path}
    other = hubel.train("digits", network="lenet5", split=1, **given)
    with pytest.raises(ValueError, match="validated on other pictures"):
        hubel.compare([first, other])
    run = Run.open(shutil.copytree(first, tmp_path / "renamed"))
    facts = json.loads((run.bundle / "bundle.json").read_text(encoding="utf-8"))
    facts["classes"][0] = "null"
    text = json.dumps(facts)
    (run.bundle / "bundle.json").write_text(text, encoding="utf-8")
    from hashlib import sha256

    sums = (run.bundle / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = [
        f"{sha256(text.encode()).hexdigest()}  bundle.json" if s.endswith("  bundle.json") else s
        for s in sums
    ]
    (run.bundle / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="only runs of the same classes"):
        hubel.compare([first, run])
