"""`hubel explain` as a user meets it: from a training to pages, and its answer to bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import hubel as package
from hubel.pictures import Preprocess
from hubel.training.run import Run


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_pages_pictures_and_numbers(hubel, made_bundle, pictures, tmp_path):
    said = hubel("explain", made_bundle, pictures / "one.png", pictures / "deep", "--out", "seen")
    assert (said.code, said.err) == (0, "")
    assert "explained at stages.2" in said.out
    made = {p.name for p in (tmp_path / "seen").iterdir()}
    assert {"explain.html", "fields.png", "filters.png", "one-evidence.png"} <= made
    assert "one-2-evidence.png" in made  # two pictures of one name
    with Image.open(tmp_path / "seen" / "one-evidence.png") as image:
        assert image.size == (4 * 224 + 3 * 6, 224)
    page = (tmp_path / "seen" / "explain.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "")

    said = hubel("explain", made_bundle, pictures / "one.png", "--json", "--label", "digit 3")
    found = json.loads(said.out)
    assert (found["network"], found["layer"]) == ("lenet5", "stages.2")
    assert [f["theoretical"][0] for f in found["receptive_fields"]] == [1, 5, 14]
    (picture,) = found["pictures"]
    assert picture["explained"] == "digit 3"
    assert np.shape(picture["cells"]) == (10, 10)
    assert sum(p for _, p in picture["top"]) <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("BUNDLE",), "name pictures or folders"),
        (("BUNDLE", "none.png"), "none.png"),
        (("BUNDLE", "PICTURE", "--label", "digit 33"), "did you mean 'digit 3'"),
        (("nowhere", "PICTURE"), "nowhere: no such folder"),
        (("BUNDLE", "--invariance"), "needs --data"),
        (("lenet5", "--gradients", "--invariance"), "ask one"),
        (("lenet55", "--gradients", "--data", "digits"), "did you mean 'lenet5'"),
        (("lenet5,act", "--gradients", "--data", "digits"), "write skip=none"),
    ],
)
def test_bad_input(hubel, made_bundle, pictures, words, message):
    names = {"BUNDLE": made_bundle, "PICTURE": pictures / "one.png"}
    said = hubel("explain", *(names.get(word, word) for word in words))
    assert said.code == 2
    assert message in said.err


def test_too_many_pictures(made_bundle, digits):
    with pytest.raises(ValueError, match="25 pictures; explain takes up to 24"):
        package.explain(made_bundle, [digits[0][1]] * 25)


def test_any_module_in_python(tmp_path, digits):
    """Importing the room leaves `hubel.explain` the verb."""
    from hubel.explain.heat import heats

    assert callable(package.explain)
    assert callable(heats)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4 * 3 * 3, 2)
    )
    found = package.explain(
        net, digits[0][1], preprocess=Preprocess((8, 8), channels=1), classes=["a", "b"]
    )
    assert found.layer == "1"
    assert found.page is None
    assert found.pictures[0].pixels.shape == (8, 8, 1)
    with pytest.raises(ValueError, match="`preprocess` and its `classes`"):
        package.explain(net, digits[0][1])


def test_gradients_are_measured_while_training(hubel):
    words = ("--data", "digits", "--steps", 3, "--json")
    said = hubel("explain", "--gradients", "lenet5", "lenet5,act=sigmoid", *words)
    assert said.code == 0, said.err
    plain, sigmoid = json.loads(said.out)
    assert [moment["step"] for moment in plain["moments"]] == [0, 1, 2, 3]
    assert len(plain["losses"]) == 3
    assert sigmoid["fading"] < plain["fading"] / 5


def test_invariance_of_a_bundle(hubel, made_bundle, tmp_path):
    said = hubel("explain", "--invariance", made_bundle, "--data", "digits")
    assert said.code == 2
    assert "has classes that" in said.err


@pytest.mark.slow
def test_a_run_from_labels_to_invariance(hubel, tmp_path):
    """A training that is given corrected labels, whose bundle is calibrated and explained."""
    table = tmp_path / "errors.csv"
    table.write_text("file,corrected\ndigit-0000,8\n", encoding="utf-8")
    words = ("--epochs", 1, "--threads", 1, "--labels", table, "--name", "one", "--json")
    said = hubel("train", "digits", *words)
    assert said.code == 0, said.err
    run = Run.open(json.loads(said.out)["run"])
    assert run.recipe.labels == {"digit-0000": "8"}
    facts = json.loads((run.bundle / "bundle.json").read_text(encoding="utf-8"))
    assert facts["calibration"]["method"].startswith("temperature")
    page = run.report.read_text(encoding="utf-8")
    assert "what speaks for" in page
    said = hubel("explain", "--invariance", run.path, "--data", "digits")
    assert said.code == 0, said.err
    assert "shift up to 8" in said.out
    said = hubel("train", "digits", "--labels", run.path / "errors.csv")
    assert said.code == 2
    assert "its column corrected is empty" in said.err
