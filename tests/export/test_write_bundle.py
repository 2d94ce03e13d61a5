from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from hubel.export.bundle import load_module, write_bundle
from hubel.export.deployed import Deployed
from hubel.networks import create
from hubel.pictures import Preprocess
from hubel.runtime import load
from hubel.runtime.bundle import Bundle
from hubel.runtime.golden import replay

SMALL = Preprocess((8, 8), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))


class Small(nn.Module):
    """A network of one's own: convolution, normalization, pooling, dense layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.dense = nn.Linear(4, 3)

    def forward(self, x):
        return self.dense(self.drop(self.norm(self.conv(x)).relu().mean((2, 3))))


def write(folder: Path, module: nn.Module, **changes) -> Path:
    rng = np.random.default_rng(0)
    words = {
        "preprocess": SMALL,
        "classes": ["a", "b", "c"],
        "network": {"name": "mine:Small", "words": {}, "classes": 3, "channels": 3},
        "golden": [("one.jpg", rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))],
    }
    return write_bundle(folder, module, **(words | changes))


def trained() -> Small:
    """Statistics that are not those of a fresh normalization, in training mode."""
    torch.manual_seed(0)
    module = Small()
    for _ in range(3):
        module(torch.randn(8, 3, 8, 8) * 2 + 1)
    return module


CLASSES = ["Käfer", "location", 'a "b"']


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return write(
        tmp_path_factory.mktemp("written") / "deep" / "b",
        trained(),
        classes=CLASSES,
        data={"licence": "CC0"},
        training={"epochs": 3},
    )


def test_torch_and_the_engine_agree(written):
    module = trained()
    predictor = load(written)
    pictures = np.random.default_rng(1).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = Deployed(copy.deepcopy(module), SMALL).eval()(torch.from_numpy(pictures)).numpy()
    for batch in (1, 2, 7):
        np.testing.assert_allclose(predictor.scores(pictures, batch), expected, atol=1e-5)


def test_the_module_stays_as_it_is_and_nothing_is_printed(tmp_path, capfd):
    module = trained().double()
    before = copy.deepcopy(module.state_dict())
    write(tmp_path / "b", module)
    assert module.training
    assert module.norm.training
    for name, value in module.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])
    assert capfd.readouterr() == ("", "")


def test_the_graph_says_how_to_use_it(written):
    session = onnxruntime.InferenceSession(written / "model.onnx")
    (pictures,), (logits,) = session.get_inputs(), session.get_outputs()
    assert (pictures.name, pictures.type, pictures.shape) == (
        "pictures", "tensor(uint8)", ["batch", 8, 8, 3],
    )  # fmt: skip
    assert (logits.name, logits.shape) == ("logits", ["batch", 3])
    words = session.get_modelmeta().custom_metadata_map
    assert json.loads(words["classes"]) == CLASSES
    assert Preprocess.from_dict(json.loads(words["preprocess"])) == SMALL
    assert load(written).bundle.classes == tuple(CLASSES)


def test_the_graph_is_standard_and_tells_nothing_of_this_machine(made_bundle):
    content = (made_bundle / "model.onnx").read_bytes()
    assert str(Path.home()).encode() not in content
    assert b".py" not in content
    model = onnx.load(made_bundle / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert [(x.domain, x.version) for x in model.opset_import] == [("", 18)]


def test_the_card(made_bundle):
    card = (made_bundle / "README.md").read_text(encoding="utf-8")
    for word in ("lenet5", "digit 3", "hubel predict", "CC BY 4.0", "val_top1", "sha256sum -c"):
        assert word in card


def test_files_can_be_handed_on(made_bundle):
    assert all(p.stat().st_mode & 0o444 for p in made_bundle.rglob("*"))
    if os.name == "posix":
        assert (made_bundle / "model.safetensors").stat().st_mode & 0o044 == 0o044


def test_back_into_torch(made_bundle, digits):
    module = load_module(made_bundle)
    assert not module.training
    predictor = load(made_bundle)
    pictures = np.stack([predictor.bundle.preprocess(x) for _, x in digits])
    with torch.inference_mode():
        found = Deployed(module, predictor.bundle.preprocess)(torch.from_numpy(pictures))
    np.testing.assert_allclose(predictor.scores(pictures), found.numpy(), atol=1e-5)


def test_back_into_a_module_of_one_s_own(written):
    with pytest.raises(ValueError, match="hand it in as `module`"):
        load_module(written)
    back = load_module(written, Small())
    assert all(torch.equal(v, trained().state_dict()[k]) for k, v in back.state_dict().items())


def test_tensors_that_do_not_fit(made_bundle):
    with pytest.raises(ValueError, match=r"does not fit the network: .*missing"):
        load_module(made_bundle, Small())
    with pytest.raises(ValueError, match=r"does not fit the network: 2 of .* tensors differ"):
        load_module(made_bundle, create("lenet5", classes=7, channels=1))


def test_a_network_that_a_bundle_only_claims(bundle, reseal):
    facts = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    facts["network"]["name"] = "vgg16"
    (bundle / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
    reseal(bundle)
    with pytest.raises(ValueError, match="does not fit the network"):
        load_module(bundle)


def test_weights_that_are_no_safetensors(bundle, reseal):
    (bundle / "model.safetensors").write_bytes(b"\x80\x04 a pickle?")
    reseal(bundle)
    with pytest.raises(ValueError, match="is no safetensors file"):
        load_module(bundle)


def test_a_new_bundle_takes_the_place_of_an_old_one(tmp_path):
    folder = write(tmp_path / "b", trained(), scores={"top1": 0.5})
    (folder / "left.txt").touch()
    write(folder, trained(), scores={"top1": 0.75})
    assert Bundle.open(folder).facts["scores"] == {"top1": 0.75}
    assert not (folder / "left.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_another_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ValueError, match="exists and is no bundle"):
        write(tmp_path, trained())
    with pytest.raises(ValueError, match="exists and is no bundle"):
        write(tmp_path / "thesis.txt", trained())


class Branching(Small):
    def forward(self, x):
        return super().forward(x) if x.sum() > 0 else super().forward(-x)


class Pair(Small):
    def forward(self, x):
        return super().forward(x), x


class Moody(Small):
    """Answers by how often it was asked, which no graph can hold."""

    asked = 0

    def forward(self, x):
        self.asked += 1
        return super().forward(x) * self.asked


@pytest.mark.parametrize(
    ("module", "changes", "message"),
    [
        (Branching, {}, "has no ONNX graph: .*must not branch"),
        (Pair, {}, "the network gives tuple for 1 pictures"),
        (Moody, {}, "answers differently"),
        (Small, {"golden": []}, "golden is empty"),
        (Small, {"classes": ["a", "b", "b"]}, "each of them once"),
        (Small, {"classes": ["a", "b"]}, "the network has 3 classes and 2 names"),
        (Small, {"network": {"name": "x"}}, "channels, classes, words is missing"),
        (Small, {"preprocess": Preprocess((8, 8), channels=1)}, "takes 3 channels"),
        (Small, {"scores": {"top1": float("nan")}}, "bundle.json cannot hold these facts"),
        (Small, {"training": {"where": Path()}}, "bundle.json cannot hold these facts"),
        (Small, {"classes": list("abcd"), "network": {"name": "x", "words": {}, "classes": 4,
         "channels": 3}}, r"the network gives \(1, 3\) for 1 pictures"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_leaves_nothing(tmp_path, module, changes, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "b", module(), **changes)
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from hubel.export import bundle as export
from test_write_bundle import trained, write
export.write_onnx = lambda *words: os.kill(os.getpid(), signal.SIGKILL)
write(export.Path({folder!r}), trained(), scores={{"top1": 1.0}})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is of POSIX")
def test_a_killed_export_leaves_the_old_bundle(tmp_path):
    folder = write(tmp_path / "b", trained(), scores={"top1": 0.5})
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(folder))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert replay(load(folder)).ok
    assert Bundle.open(folder).facts["scores"] == {"top1": 0.5}


def test_the_bundle_says_what_it_was_given(written):
    facts = Bundle.open(written).facts
    assert facts["licences"] == {"hubel": "Apache-2.0", "data": "CC0"}
    assert facts["training"] == {"epochs": 3}
    assert sorted(p.name for p in (written / "golden").iterdir()) == ["01-one.png", "golden.json"]
