"""Answers that lie in the picture: told, as pixels for programs, drawn for people, explained."""

from __future__ import annotations

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from hubel.pictures import read_picture
from hubel.report.heat import over
from hubel.runtime import load
from hubel.runtime.predictor import Predictor
from hubel.serve.limits import Limits
from hubel.verbs.explain import explain
from tests.serve.conftest import Client, running
from tests.serve.scenes import CLASSES, file

SLOW = ("segment", "localize", "upscale")  # to export; what they share is tested with the first


@pytest.fixture(params=["detect", *(pytest.param(task, marks=pytest.mark.slow) for task in SLOW)])
def task(request) -> str:
    return request.param


@pytest.fixture
def client(scenes, task) -> Client:
    return scenes(task)


@pytest.fixture
def predictor(client) -> Predictor:
    """The bundle itself, on an engine of its own."""
    (served,) = client.models.values()
    return load(served.bundle.folder, threads=1)


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def unpacked(url: str) -> np.ndarray:
    return opened(b64decode(url.removeprefix("data:image/png;base64,")))


def test_the_answer_is_that_of_the_bundle(client, predictor, task):
    seen = predictor.predict(file()).seen
    words = client.upload("/predict", file()).words
    assert words["told"] == seen.told(predictor.bundle.classes)
    assert words["found"] == seen.to_dict(predictor.bundle.classes)
    assert words["picture"] == {"width": 128, "height": 96}
    assert "label" not in words
    assert "pixels" not in words
    if task == "detect":
        assert len(words["found"]["objects"]) > 0
    batch = client.upload("/batch", file(), b"nothing", file(1)).words
    assert batch["answers"][0]["found"] == words["found"]
    assert "error" in batch["answers"][1]


def test_pixels_for_programs(client, predictor, task):
    words = client.upload("/predict?pixels=true", file()).words
    seen = predictor.predict(file()).seen
    if task == "segment":
        np.testing.assert_array_equal(unpacked(words["pixels"]), seen.numbers)
        assert seen.numbers.shape == (96, 128)
    elif task == "upscale":
        np.testing.assert_array_equal(unpacked(words["pixels"]), seen.pixels)
        assert seen.pixels.shape == (192, 256, 3)
    else:
        assert words["pixels"] is None


def test_a_drawing_for_people(client, predictor):
    reply = client.upload("/draw", file())
    assert (reply.status, reply.headers["content-type"]) == (200, "image/png")
    seen = predictor.predict(file()).seen
    expected = seen.drawn(read_picture(file()), predictor.bundle.classes)
    np.testing.assert_array_equal(opened(reply.body), expected)
    assert client.upload("/draw", b"nothing").status == 415


def test_classes_are_not_drawn(service, files):
    reply = service.upload("/draw", files[0])
    assert reply.status == 409
    assert "/predict" in reply.error


def test_what_speaks_for_a_class(client, predictor, task):
    if task == "upscale":
        for path in ("explain", "maps"):
            reply = client.upload(f"/{path}", file())
            assert reply.status == 409
            assert "no class to explain" in reply.error
        assert client.get("/models").words[0]["explains"] is False
        return
    (expected,) = explain(predictor.bundle, [file()], label="ring").pictures
    reply = client.upload("/explain?label=ring", file())
    np.testing.assert_array_equal(opened(reply.body), over(expected.pixels, expected.gradcam))
    maps = client.upload("/maps", file()).words
    assert maps["label"] in CLASSES
    assert maps["seen"] == [0, -16, 128, 128]  # a wide picture stands between borders
    assert len(maps["stages"]) > 2
    table = client.get(f"/models/{task}-shapes/layers").words
    assert any(line["name"].startswith("backbone.stages") for line in table["blocks"])
    assert sum(line["params"] for line in table["blocks"]) == table["params"]


@pytest.mark.slow
def test_a_picture_to_enlarge_must_be_small(scenes):
    (served,) = scenes("upscale").models.values()
    with running([served.bundle.folder], Limits(enlarged=128 * 95, drain=0.2)) as client:
        assert client.upload("/predict", file()).status == 413
        assert client.upload("/draw", file()).status == 413
