"""Engines in turns, each in a process of its own."""

from __future__ import annotations

import json

import pytest

import hubel
from hubel.export.race import race
from hubel.export.times import Lane, Race, Time
from hubel.export.ways import Way, ways
from hubel.runtime.bundle import Bundle
from hubel.runtime.choice import chosen
from hubel.verbs.bench import bench


@pytest.fixture(scope="module")
def found(made_bundle, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUBEL_CACHE", str(tmp_path_factory.mktemp("cache")))
        engines = ["onnxruntime", "eager"]
        made = bench(made_bundle, batch=(1, 4), rounds=3, engines=engines, threads=1, save=True)
        yield made, chosen(Bundle.open(made_bundle).folder, 4)


def test_every_engine_has_its_times(found):
    lanes = found[0].race.lanes
    assert [str(lane.way) for lane in lanes if lane.way.precision == "float32"] == [
        "onnxruntime", "eager",
    ]  # fmt: skip
    for lane in lanes:
        assert not lane.error
        assert [time.batch for time in lane.times] == [1, 4]
        assert all(len(time.rounds) == 3 and min(time.rounds) > 0 for time in lane.times)
        assert 0 < lane.times[0].median < lane.first < 60
        assert lane.memory is None or 20e6 < lane.memory < 4e9
        assert lane.differs < (1e-4 if lane.way.precision == "float32" else 0.1)


def test_the_winner_is_kept(found):
    made, kept = found
    assert made.kept.is_file()
    assert kept.engine == "onnxruntime"
    assert kept.seconds == made.race.lanes[0].time(4).median


def test_plain_values(found):
    words = json.loads(json.dumps(found[0].to_dict()))
    assert words["fastest"]["1"]["predict"] == "onnxruntime"
    assert words["ways"][0]["times"][1]["batch"] == 4
    assert words["network"] == "lenet5"


def test_the_page(found, tmp_path):
    text = found[0].write(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "eager" in text
    assert "Batch 4" in text
    assert ">nan<" not in text


def test_an_engine_that_fails_is_told_and_the_others_run(made_bundle):
    chosen = [Way("nobody"), Way("onnxruntime"), Way("onnxruntime", "int3")]
    made = race(Bundle.open(made_bundle), chosen, batches=[1], rounds=1, threads=1)
    assert "nobody" in made.lanes[0].error
    assert made.lanes[1].times
    assert "int3" in made.lanes[2].error
    assert made.fastest(1) is made.lanes[1]


def test_the_winner_of_most_rounds_wins_although_the_machine_was_busy_in_some():
    def lane(name: str, *rounds: float, differs: float = 0.0) -> Lane:
        return Lane(Way(name), (Time(1, rounds),), differs=differs)

    first = lane("onnxruntime", 1.0, 1.0, 9.0, 9.0, 9.0)
    second = lane("openvino", 0.9, 0.9, 8.0, 8.0, 9.5)
    wrong = lane("compiled", *[0.1] * 5, differs=0.01)
    torch = lane("eager", *[0.5] * 5)
    made = Race((first, second, wrong, torch), (1,), 5, 1)
    assert made.fastest(1) is torch
    assert made.fastest(1, ships=True) is second
    assert made.fastest(2) is None


def test_a_network_of_ones_own_runs_on_the_engines_only(bundle, reseal):
    facts = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    facts["network"]["name"] = "mine:build"
    (bundle / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
    reseal(bundle)
    assert {way.engine for way in ways(Bundle.open(bundle))} <= {"onnxruntime", "openvino"}


def test_what_cannot_be_timed(made_bundle):
    with pytest.raises(ValueError, match="unknown engine on this machine 'onnxruntim'; did"):
        hubel.bench(made_bundle, engines=["onnxruntim"])
    with pytest.raises(ValueError, match="must be at least 1"):
        hubel.bench(made_bundle, batch=[0])
    with pytest.raises(ValueError, match="a choice is kept for a bundle"):
        hubel.bench("lenet5", save=True)
    with pytest.raises(ValueError, match="unknown network 'lenet55'"):
        hubel.bench("lenet55")
