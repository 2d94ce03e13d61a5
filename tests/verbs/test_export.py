"""A bundle in the files of other runtimes, each proved there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import hubel
from hubel.export import targets
from hubel.export.bundle import write_bundle
from hubel.export.targets import TARGETS
from hubel.networks import create
from hubel.pictures import Preprocess
from hubel.runtime.bundle import Bundle
from hubel.runtime.golden import golden_pictures
from hubel.verbs.export import Exported, export


@pytest.fixture(scope="module")
def resnet(tmp_path_factory, digits) -> Path:
    """A bundle of a network that timm has too."""
    torch.manual_seed(0)
    return write_bundle(
        tmp_path_factory.mktemp("made") / "resnet",
        create("resnet18", classes=3),
        preprocess=Preprocess((32, 32), crop=0.5, mean=(0.4,) * 3, std=(0.2,) * 3),
        classes=["a", "b", "ç"],
        network={"name": "resnet18", "words": {}, "classes": 3, "channels": 3},
        golden=digits[:2],
    )


@pytest.fixture(scope="module")
def made(resnet, tmp_path_factory) -> Callable[[str], Exported]:
    """The export for a target, made once."""
    place = tmp_path_factory.mktemp("exports")

    @cache
    def write(to: str) -> Exported:
        if to == "openvino":
            pytest.importorskip("openvino")
        return export(resnet, to, out=place / to, engine_threads=1)

    return write


@pytest.mark.parametrize("to", list(TARGETS))
def test_the_files_answer_as_the_bundle(made, to):
    done = made(to)
    assert done.replay.ok
    assert set(done.files) == {p.name for p in done.folder.iterdir()}
    assert str(done.folder) in done.use
    facts = json.loads((done.folder / "hubel.json").read_text(encoding="utf-8"))
    assert facts["to"] == to
    assert json.loads(facts["classes"]) == ["a", "b", "ç"]


def test_an_export_gives_way_to_a_new_one(made, resnet):
    folder = made("onnx").folder
    (folder / "old.txt").touch()
    export(resnet, "onnx", out=folder)
    assert not (folder / "old.txt").exists()


def test_onnx_says_how_to_use_it(made):
    session = onnxruntime.InferenceSession(made("onnx").folder / "model.onnx")
    words = session.get_modelmeta().custom_metadata_map
    assert json.loads(words["classes"]) == ["a", "b", "ç"]
    assert Preprocess.from_dict(json.loads(words["preprocess"])).crop == 0.5
    assert float(words["temperature"]) == 1.0


def test_openvino_says_how_to_use_it(made):
    openvino = pytest.importorskip("openvino")
    model = openvino.Core().read_model(made("openvino").folder / "model.xml")
    assert json.loads(model.get_rt_info(["hubel", "classes"]).value) == ["a", "b", "ç"]
    assert json.loads(model.get_rt_info(["hubel", "preprocess"]).value)["size"] == [32, 32]


def test_torch_export_takes_any_batch_and_says_how_to_use_it(made, resnet):
    words = {"hubel.json": ""}
    program = torch.export.load(made("torch-export").folder / "model.pt2", extra_files=words)
    assert json.loads(json.loads(words["hubel.json"])["classes"]) == ["a", "b", "ç"]
    pictures = np.resize(golden_pictures(Bundle.open(resnet)), (5, 32, 32, 3))
    found = program.module()(torch.from_numpy(pictures))
    assert np.abs(found.numpy() - hubel.load(resnet).scores(pictures)).max() < 1e-4


def test_timm_has_the_words_of_its_own(made):
    config = json.loads((made("timm").folder / "config.json").read_text(encoding="utf-8"))
    assert config["architecture"] == "resnet18"
    assert config["label_names"] == ["a", "b", "ç"]
    assert config["pretrained_cfg"]["crop_pct"] == 0.5
    assert config["pretrained_cfg"]["classifier"] == "fc"
    assert config["pretrained_cfg"]["first_conv"] == "conv1"


READ = """
import sys, json, numpy, torch
from benchmarks.operators import operators
operators()
import timm
model = timm.create_model("local-dir:" + sys.argv[1], pretrained=True).eval()
x = torch.from_numpy(numpy.load(sys.argv[2])).permute(0, 3, 1, 2).float() / 255
cfg = model.pretrained_cfg
x = (x - torch.tensor(cfg["mean"]).view(-1, 1, 1)) / torch.tensor(cfg["std"]).view(-1, 1, 1)
with torch.no_grad():
    print(json.dumps(model(x).tolist()))
"""


def test_timm_itself_gives_the_same_answers(made, resnet, tmp_path):
    if not find_spec("timm"):
        pytest.skip("timm is not installed; it reads the export where it is")
    pictures = golden_pictures(Bundle.open(resnet))
    np.save(tmp_path / "x.npy", pictures)
    words = [sys.executable, "-c", READ, str(made("timm").folder), str(tmp_path / "x.npy")]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=root)
    found = np.array(json.loads(done.stdout.splitlines()[-1]))
    assert np.abs(found - hubel.load(resnet).scores(pictures)).max() < 1e-4


def test_answers_that_differ_are_refused_and_leave_nothing(resnet, tmp_path, monkeypatch):
    def broken(bundle, folder, threads):
        model = onnx.load(bundle.model)
        weights = max(model.graph.initializer, key=lambda x: len(x.raw_data))
        weights.raw_data = np.frombuffer(weights.raw_data, np.float32)[::-1].tobytes()
        changed = folder / "model.onnx"
        onnx.save(model, changed)
        return targets.open_graph("onnxruntime", changed, threads)

    target = targets.Target(broken, "")
    monkeypatch.setitem(TARGETS, "onnx", target)
    with pytest.raises(ValueError, match="answer differently from the bundle"):
        export(resnet, "onnx", out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_timm_does_not_have(made_bundle, tmp_path, digits):
    with pytest.raises(ValueError, match=r"timm has no place for .*pad=2"):
        export(made_bundle, "timm", out=tmp_path / "out")
    bundle = write_bundle(
        tmp_path / "plain",
        create("resnet18", classes=2, skip="none"),
        preprocess=Preprocess((32, 32)),
        classes=["a", "b"],
        network={"name": "resnet18", "words": {"skip": "none"}, "classes": 2, "channels": 3},
        golden=digits[:1],
    )
    with pytest.raises(ValueError, match="only as it was published"):
        export(bundle, "timm")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plain"]


def test_another_folder_is_left_alone(resnet, tmp_path):
    (tmp_path / "precious.txt").touch()
    with pytest.raises(ValueError, match="is no export of Hubel"):
        export(resnet, "onnx", out=tmp_path)
    with pytest.raises(ValueError, match="unknown target of an export 'onx'; did you mean 'onnx'"):
        export(resnet, "onx")
