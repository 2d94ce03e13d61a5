"""The whole way for tasks whose answers lie in the picture: train, val, predict, explain."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import hubel
from hubel.data import open_scenes
from hubel.runtime.predictor import load
from hubel.training.run import Run

SMALL = {"size": 64, "batch": 8, "threads": 1, "device": "cpu", "pictures": 24, "tune": False,
         "progress": "quiet"}  # fmt: skip
CIFAR = {"network": "resnet14", "words": {}}
FOUND = {"head": {"width": 16, "depth": 1}}
WORDS = {
    "detect": {**CIFAR, **FOUND},
    "instances": {"network": "resnet18", "words": {"width": 8}, **FOUND},
    "segment": CIFAR,
    "localize": CIFAR,
}


@pytest.fixture(scope="module", params=list(WORDS))
def run(request, tmp_path_factory) -> Run:
    runs = tmp_path_factory.mktemp("runs")
    words = {**SMALL, **WORDS[request.param]}
    return hubel.train("shapes", task=request.param, runs=runs, epochs=2, **words)


def test_a_run_is_whole(run):
    task = run.recipe.task
    assert run.path.parent.name == task
    assert [row["epoch"] for row in run.results] == [2]  # the page validates every fifth
    page = run.report.read_text(encoding="utf-8")
    assert "Worst pictures" in page
    assert page.count("<img") > 20
    assert task in json.dumps(run.recipe.to_dict())
    assert run.outcome.score in run.summary()
    assert "errors.csv" not in run.summary()


def test_the_engine_scores_as_training_did(run):
    found = hubel.val(run.bundle, "shapes")
    # of all pictures of the validation part, which the run cut to 24
    assert found.pictures == 100
    assert set(found.scores) == {*run.scores} - {"val_loss"}
    few = open_scenes("shapes")
    assert found.split == few.split
    assert hubel.val(run.bundle, golden=True).ok


def test_answers_and_drawings(run, tmp_path):
    picture = open_scenes("shapes").val.read(0)
    file = tmp_path / "scene.png"
    Image.fromarray(picture).save(file)
    (answer,) = hubel.predict(run.bundle, [file], draw=tmp_path / "drawn")
    assert answer.label is None
    assert answer.to_dict(load(run.bundle).bundle.classes)["name"] == str(file)
    drawn = np.asarray(Image.open(tmp_path / "drawn" / "scene.png"))
    assert drawn.ndim == 3
    assert drawn.shape[0] >= picture.shape[0]


def test_what_speaks_for_a_class(run, tmp_path):
    picture = open_scenes("shapes").val.read(0)
    found = hubel.explain(run.bundle, [picture], out=tmp_path)
    assert "backbone" in found.layer
    heat = found.pictures[0].gradcam
    assert np.isfinite(heat).all()
    assert heat.max() > 0


def test_int_8_is_judged_as_training_was(run, tmp_path):
    bundle = shutil.copytree(run.path / "bundle", tmp_path / "bundle")
    made = hubel.quantize(bundle, max_drop=100, engines=["onnxruntime"], engine_threads=1)
    assert made.pictures == 100
    found = hubel.val(bundle, "shapes", engine="onnxruntime-int8", engine_threads=1)
    (tried,) = made.tried
    assert (found.best, len(tried.attempts)) == (tried.attempts[-1].score, 1)
    assert tried.attempts[-1].drop == 100 * (made.reference.score - found.best)
    lost = tried.attempts[-1].per_class
    assert set(lost) <= set(load(bundle).bundle.classes)
    assert lost == {
        c: 100 * (was - found.per_class[c]) for c, was in made.reference.per_class.items()
    }
    assert hubel.val(bundle, "shapes", engine_threads=1).best == made.reference.score
    replayed = {
        engine: hubel.val(bundle, golden=True, engine=engine)
        for engine in ("onnxruntime", "onnxruntime-int8")
    }
    assert all(found.ok for found in replayed.values())
    moved = [dict(found.differences) for found in replayed.values()]
    assert all(moved[1][name][1] > moved[0][name][1] for name in moved[0])


def test_resumed_as_it_is(run):
    assert hubel.train(resume=run.path, progress="quiet").scores == run.scores


def test_what_does_not_fit_is_said(run, tmp_path):
    with pytest.raises(ValueError, match="part=test is for classes, not for"):
        hubel.val(run.bundle, "shapes", part="test")
    with pytest.raises(ValueError, match=r"mix=.* is for classes, not for the task"):
        hubel.train(
            "shapes", task=run.recipe.task, runs=tmp_path, mix={"name": "mixup", "alpha": 0.2},
            network="resnet14", **SMALL,
        )  # fmt: skip
    with pytest.raises(ValueError, match="folds are for classes"):
        hubel.train("shapes", task=run.recipe.task, runs=tmp_path, folds=3, **SMALL)
    with pytest.raises(ValueError, match="unknown task"):
        hubel.train("shapes", task="detects", runs=tmp_path, **SMALL)
