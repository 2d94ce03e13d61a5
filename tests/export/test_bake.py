"""Resizing inside the graph, against Pillow and against the bundle."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import hubel
from hubel.export import bake
from hubel.export.bake import BAKES, TOLERANCE
from hubel.pictures import Preprocess
from hubel.runtime.bundle import Bundle
from hubel.runtime.engines import open_graph
from hubel.verbs.export import export

SIZES = [(32, 32), (28, 28), (200, 31), (57, 43), (8, 8), (13, 400), (300, 20), (480, 640), (1, 1)]


def prepared(to: str, folder: Path):
    """What the network of an export gets: uint8 (1, H, W, 3) -> (32, 32, 3)."""
    name = f"{bake.MARK}prepared"
    if to == "onnx":
        model = onnx.load(folder / "model.onnx")
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, 2, [1, 32, 32, 3]))
        session = onnxruntime.InferenceSession(model.SerializeToString())
        return lambda picture: session.run([name], {"pictures": picture})[0][0]
    import openvino

    core = openvino.Core()
    model = core.read_model(folder / "model.xml")
    ends = [end for node in model.get_ops() for end in node.outputs() if name in end.names]
    front = openvino.Model(ends, model.get_parameters())
    compiled = core.compile_model(front, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda picture: compiled([picture])[0][0]


@pytest.mark.parametrize("filter", list(bake.MODES))
@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
@pytest.mark.parametrize("to", list(BAKES))
def test_pixels_are_those_of_pillow(photographed, tmp_path, to, fit, filter):
    if to == "openvino":
        pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    crop = 0.9 if fit == "crop" else 1.0
    for channels, size, pad in ((3, 32, 0), (1, 28, 2)):
        way = Preprocess((size, size), fit, crop, filter, pad, fill=7, channels=channels)
        BAKES[to](replace(Bundle.open(photographed), preprocess=way), tmp_path, 1)
        graph = prepared(to, tmp_path)
        for height, width in SIZES:
            # Noise of black and white is the hardest: nowhere smooth, and cubics go beyond it.
            noise = rng.integers(0, 2, (height, width, 3), dtype=np.uint8) * 255
            found = graph(noise[None]).astype(int)
            assert np.abs(found - way(noise)).max() <= 1, (channels, height, width)


@pytest.fixture(scope="module", params=list(BAKES))
def made(request, photographed, tmp_path_factory):
    """An export of each kind."""
    if request.param == "openvino":
        pytest.importorskip("openvino")
    out = tmp_path_factory.mktemp("baked") / request.param
    return export(photographed, request.param, bake_resize=True, out=out, engine_threads=1)


def test_every_size_is_proved(made, photographed):
    assert made.replay.pictures == 6 * 5
    assert made.replay.differences["probabilities"][1] == TOLERANCE
    shapes = {x.shape for x in bake.proving_pictures(Bundle.open(photographed))}
    assert len(shapes) == 10
    assert {h > 32 for h, _, _ in shapes} == {w > 32 for _, w, _ in shapes} == {True, False}


def test_answers_at_any_size(made, photographed):
    model = "model.onnx" if made.to == "onnx" else "model.xml"
    engine = "onnxruntime" if made.to == "onnx" else "openvino"
    session = open_graph(engine, made.folder / model, 1)
    predictor = hubel.load(photographed)
    rng = np.random.default_rng(1)
    answers = []
    for _ in range(10):
        picture = rng.integers(0, 256, (*rng.integers(5, 300, 2), 3), dtype=np.uint8)
        top = dict(predictor.predict(picture).top)
        expected = [top[name] for name in predictor.bundle.classes]
        answers.append(session.run(picture[None])[0][0])
        assert np.abs(answers[-1] - expected).max() <= TOLERANCE
    assert np.ptp(answers, axis=0).max() > 0.05


def test_the_file_says_what_is_different(made):
    if made.to == "onnx":
        session = onnxruntime.InferenceSession(made.folder / "model.onnx")
        words = session.get_modelmeta().custom_metadata_map
    else:
        import openvino

        model = openvino.Core().read_model(made.folder / "model.xml")
        words = model.get_rt_info("hubel").value
    facts = json.loads((made.folder / "hubel.json").read_text(encoding="utf-8"))
    assert words.items() <= facts.items()
    assert float(words["tolerance"]) == TOLERANCE
    assert words["gives"].startswith("probabilities")
    assert json.loads(words["preprocess"])["filter"] == "bicubic"


def test_another_way_of_resizing_is_refused(photographed, tmp_path, monkeypatch):
    monkeypatch.setitem(bake.MODES, "bicubic", "linear")
    with pytest.raises(ValueError, match=r"probabilities differ by .* \(at most 0.01\); nothing"):
        export(photographed, "onnx", bake_resize=True, out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_baked(photographed):
    bundle = Bundle.open(photographed)
    lanczos = replace(bundle, preprocess=replace(bundle.preprocess, filter="lanczos"))
    with pytest.raises(ValueError, match=r"filter='lanczos' .* bilinear and bicubic only: export"):
        bake.baked(lanczos)
    with pytest.raises(ValueError, match=r"for the task detect; --bake-resize is for .*: export"):
        bake.baked(replace(bundle, task="detect"))
    with pytest.raises(ValueError, match=r"--to timm does not go with --bake-resize, .*; leave"):
        export(photographed, "timm", bake_resize=True)


def test_several_classes_a_picture(photographed, photographs):
    """Each by its own sigmoid, as the temperature says."""
    bundle = replace(Bundle.open(photographed), task="tags")
    session = onnxruntime.InferenceSession(bake.baked(bundle).SerializeToString())
    found = session.run(None, {"pictures": photographs[1][None]})[0][0]
    logits = hubel.load(photographed).scores([bundle.preprocess(photographs[1])])[0]
    assert np.abs(found - 1 / (1 + np.exp(-logits / 1.5))).max() <= TOLERANCE
