"""Int8 behind its gate: a network that passes, and a fragile one that is refused."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from torch import nn

import hubel
from hubel.cli.export import export, said
from hubel.data import decode, open_data
from hubel.export.bundle import write_bundle
from hubel.export.change import put_int8, recalibrate
from hubel.export.gate import Attempt, smallest_drop
from hubel.pictures import Preprocess, read_picture
from hubel.runtime.bundle import Bundle, BundleError
from hubel.verbs.quantize import quantize

WAY = Preprocess((8, 8), fit="squash", channels=1, mean=(0.3,), std=(0.4,))


@pytest.fixture(scope="module")
def trained() -> nn.Sequential:
    """A small network that knows digits, after a second or two."""
    torch.manual_seed(0)
    convs = [nn.Conv2d(a, b, 3, s, 1) for a, b, s in ((1, 16, 1), (16, 32, 2), (32, 32, 2))]
    network = nn.Sequential(
        *(layer for conv in convs for layer in (conv, nn.ReLU())), nn.Flatten(), nn.Linear(128, 10)
    )
    pictures, _ = decode(open_data("digits").train, WAY)
    x = torch.from_numpy(np.array(pictures.arrays[:])).permute(0, 3, 1, 2).float()
    x, y = (x / 255 - 0.3) / 0.4, torch.from_numpy(pictures.targets)
    steps = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(12):
        for some in torch.randperm(len(x)).split(64):
            steps.zero_grad()
            nn.functional.cross_entropy(network(x[some]), y[some]).backward()
            steps.step()
    return network.eval()


def written(folder: Path, network: nn.Module) -> Path:
    known = open_data("digits")
    return write_bundle(
        folder,
        network,
        preprocess=WAY,
        classes=known.classes,
        network={"name": "mine:build", "words": {}, "classes": 10, "channels": 1},
        golden=[(known.val.names[i], read_picture(known.val.read(i))) for i in range(3)],
        training={"recipe": {"data": "digits", "seed": 0, "val": 0.2}},
        data={"name": "digits", "fingerprint": known.fingerprint},
    )


@pytest.fixture(scope="module")
def made(trained, tmp_path_factory):
    """The bundle with int8 graphs, and what was tried."""
    pytest.importorskip("nncf")
    folder = written(tmp_path_factory.mktemp("int8") / "bundle", trained)
    return quantize(folder, max_drop=0.3, engine_threads=1)


@pytest.fixture
def own(made, tmp_path) -> Path:
    return Path(shutil.copytree(made.bundle, tmp_path / "bundle"))


def fragile(network: nn.Sequential) -> nn.Sequential:
    """The same function, its channels between the layers of scales from 1/10,000 to 10,000.

    ReLU lets a positive factor through, so that the next layer can take it back: float32 does not
    notice, and one scale for a whole tensor in int8 leaves nothing of its small channels.
    """
    with torch.no_grad():
        for a, b in ((0, 2), (2, 4), (4, 7)):
            first, second = network[a], network[b]
            by = torch.logspace(-4, 4, len(first.weight))
            by = by[torch.randperm(len(by), generator=torch.Generator().manual_seed(a))]
            first.weight.mul_(by.view(-1, 1, 1, 1))
            first.bias.mul_(by)
            back = by if b < 7 else by.repeat_interleave(4)
            second.weight.div_(back.view(1, -1, 1, 1) if b < 7 else back)
    return network


def test_digits_pass_on_every_engine(made):
    assert made.passed == ("onnxruntime", "openvino")
    assert made.reference.score > 0.95
    assert made.pictures == len(open_data("digits").val)
    for each in made.tried:
        assert each.layers == 4
        assert each.attempts[-1].drop <= 0.3
        losses = each.attempts[-1].per_class
        assert set(losses) == set(open_data("digits").classes)
        counts = np.bincount(open_data("digits").val.targets)  # the drop is their mean
        mean = np.average([losses[c] for c in open_data("digits").classes], weights=counts)
        assert mean == pytest.approx(each.attempts[-1].drop)


def test_the_score_is_that_of_the_bundle_in_that_engine(made):
    for each in made.tried:
        found = hubel.val(made.bundle, "digits", engine=f"{each.engine}-int8", engine_threads=1)
        assert found.top1 == each.attempts[-1].score
        facts = Bundle.open(made.bundle).facts["int8"][each.engine]
        assert facts["int8"] == found.top1
        assert facts["floats"] == list(each.attempts[-1].floats)


def test_golden_answers_of_each_precision(made, own, reseal):
    for engine in ("onnxruntime", "openvino"):
        exact = hubel.val(own, golden=True, engine=engine)
        found = hubel.val(own, golden=True, engine=f"{engine}-int8")
        assert exact.ok
        assert found.ok
        assert found.differences["logits"][1] > exact.differences["logits"][1]
    shutil.copy(own / "model.onnx", own / "int8" / "onnxruntime.onnx")
    with pytest.raises(BundleError, match=r"onnxruntime.onnx was changed"):
        Bundle.open(own)
    golden = json.loads((own / "golden" / "golden.json").read_text(encoding="utf-8"))
    golden["tolerance"]["onnxruntime-int8"] = golden["tolerance"]["float32"]
    (own / "golden" / "golden.json").write_text(json.dumps(golden), encoding="utf-8")
    reseal(own)
    assert not hubel.val(own, golden=True, engine="onnxruntime-int8").ok


def test_calibrating_keeps_the_int8_graphs(own):
    recalibrate(own, {"temperature": 2.0, "method": "by hand"}, {})
    assert Bundle.open(own).int8 == ("onnxruntime", "openvino")
    assert hubel.val(own, golden=True, engine="onnxruntime-int8").ok


def test_bench_races_int8_which_wins_only_where_asked(own, tmp_path, monkeypatch):
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    words = {"batch": [1], "rounds": 1, "threads": 1, "engines": ["onnxruntime-int8"]}
    found = hubel.bench(own, int8=True, save=True, **words)
    assert not found.race.lanes[0].error
    assert hubel.load(own, engine="fastest").engine.name == "onnxruntime-int8"
    with pytest.raises(ValueError, match="no engine that predict can take ran"):
        hubel.bench(own, save=True, **words)


def test_a_fragile_network_is_refused(trained, tmp_path, capsys):
    folder = written(tmp_path / "bundle", fragile(copy.deepcopy(trained)))
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    words = {"to": None, "out": None, "max_drop": None, "data": "digits", "engine_threads": 1}
    with pytest.raises(typer.Exit) as ended:
        export(folder, int8=True, engine=["onnxruntime"], as_json=True, **words)
    assert ended.value.exit_code == 1
    found = json.loads(capsys.readouterr().out)
    assert found["reference"]["score"] > 0.95
    assert found["passed"] == []
    (tried,) = found["tried"]
    assert [len(attempt["floats"]) for attempt in tried["attempts"]] == [0, 1, 2]
    assert all(attempt["drop"] > 0.3 for attempt in tried["attempts"])
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


def test_what_is_said(made):
    refused = replace(made.tried[0], passed=False, attempts=(Attempt((), 0.5, 48.0, {"8": 90.0}),))
    lines = said(replace(made, tried=(refused, made.tried[1]))).splitlines()
    assert lines[0].endswith(
        f"of {made.pictures} validation pictures; ranges from 300 training pictures"
    )
    assert lines[1].startswith("One picture is 0.28 points; on so many, drops below 1.67 cannot")
    assert "  0 of 4               50.00%   48.00  8: 90.00" in lines
    assert "  refused: every form lost more than 0.3 points; none is in the bundle" in lines
    assert "  passed: at most 0.3 points were allowed" in lines
    assert lines[-2].endswith("--engine openvino-int8")


def test_an_engine_that_does_not_pass_has_no_graph_afterwards(own):
    put_int8(Bundle.open(own), own, {"onnxruntime": None}, {})
    assert Bundle.open(own).int8 == ("openvino",)
    assert list(Bundle.open(own).facts["int8"]) == ["openvino"]
    assert hubel.val(own, golden=True, engine="openvino-int8").ok
    with pytest.raises(ValueError, match=r"no int8 graph for onnxruntime; .*--int8"):
        hubel.load(own, engine="onnxruntime-int8")


def test_what_cannot_be_quantized(made_bundle, own):
    with pytest.raises(ValueError, match="does not say what it was trained on"):
        quantize(made_bundle)
    with pytest.raises(ValueError, match="not the pictures of this bundle's training"):
        quantize(made_bundle, data="digits")
    with pytest.raises(ValueError, match="points of 100"):
        quantize(own, max_drop=-1)
    with pytest.raises(ValueError, match="unknown engine 'openvin'; did you mean 'openvino'"):
        quantize(own, engines=["openvin"])


def test_smallest_drop():
    assert smallest_drop(10_000) == 0.06
    assert smallest_drop(3) == 100
