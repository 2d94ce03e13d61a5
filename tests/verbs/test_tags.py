"""Pictures with several classes, from a table to a bundle that tags: pairs of real digits."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

import hubel
from hubel.data import open_data
from hubel.runtime import predictor
from hubel.runtime.golden import replay

COUNT = 240


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Two real digits beside each other, 8x16 pixels: of 0, 1 and 2, or of 3, which has no name."""
    from sklearn.datasets import load_digits

    known = load_digits(n_class=4)
    draw = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("pairs")
    rows = []
    for i in range(COUNT):
        two = draw.integers(0, len(known.target), 2)
        picture = np.concatenate([known.images[k] for k in two], axis=1) * 255 / 16
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{i}.png")
        rows.append((f"{i}.png", sorted({f"digit {known.target[k]}" for k in two} - {"digit 3"})))
    return folder, rows


@pytest.fixture(scope="module")
def table(pairs):
    folder, rows = pairs
    lines = ["file,label", *(f"{name},{'|'.join(labels)}" for name, labels in rows)]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "labels.csv"


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    return hubel.train(
        table, recipe="digits", epochs=12, size=28, threads=1, progress="quiet",
        runs=tmp_path_factory.mktemp("runs"), loss={"name": "binary", "weights": "balanced"},
        mix={"name": "mixup", "alpha": 0.2, "share": 0.3},
    )  # fmt: skip


def test_the_three_ways_to_write_several_labels_are_the_same(pairs, table, tmp_path):
    folder, rows = pairs
    classes = ("digit 0", "digit 1", "digit 2")
    columns = folder / "columns.csv"
    lines = [",".join(["file", *classes])]
    lines += [",".join([name, *(str(int(c in labels)) for c in classes)]) for name, labels in rows]
    columns.write_text("\n".join(lines), encoding="utf-8")
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": (folder / name).read_bytes(), "path": name} for name, _ in rows]
    pq.write_table(
        pa.table({"image": cells, "label": [labels for _, labels in rows]}), tmp_path / "a.parquet"
    )
    found = [open_data(where) for where in (table, columns, tmp_path / "a.parquet")]
    for data in found:
        assert data.classes == classes
        assert data.train.names == found[0].train.names
        assert (data.train.targets == found[0].train.targets).all()
        assert data.val.targets.shape == (len(data.val), 3)
    truth = dict(rows)
    for name, target in zip(found[0].train.names, found[0].train.targets):
        assert [c for c, there in zip(classes, target) if there] == truth[name]
    share = len(found[0].val) / COUNT
    assert 0.15 < share < 0.25
    assert found[0].val.targets.sum(axis=0).min() > 10


def test_it_learns_which_digits_are_there(run):
    assert run.path.parent.name == "tags"
    assert list(run.results[0]) == [
        "epoch", "step", "seconds", "lr", "train_loss", "val_loss", "val_map", "val_f1",
        "val_f1_macro",
    ]  # fmt: skip
    assert run.scores["val_map"] > 0.9
    assert run.scores["val_f1"] > 0.8
    assert len(run.recipe.loss["weights"]) == 3
    assert "mean average precision" in run.summary()


def test_the_report_and_the_mistakes_name_all_classes(run):
    page = run.report.read_text(encoding="utf-8")
    assert "Average precision" in page
    assert "digit 0, digit 1" in page
    with (run.path / "errors.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(run.outcome.names)
    assert "digit 0|digit 1" in {row["truth"] for row in rows}


def test_the_bundle_tells_what_is_there(run, pairs, table):
    loaded = hubel.load(run.bundle)
    assert replay(loaded).ok
    folder, rows = pairs
    held = open_data(table, seed=run.recipe.seed, val=run.recipe.val).val.names
    answers = loaded.predict([folder / name for name in held])
    right = [sorted(a.labels) == dict(rows)[n] for a, n in zip(answers, held)]
    assert np.mean(right) == pytest.approx(run.outcome.right.mean(), abs=0.03)
    for answer in answers:
        assert answer.labels == tuple(name for name, p in answer.top if p >= 0.5)
        assert answer.label == (answer.labels[0] if answer.labels else None)
    scores = hubel.val(run.bundle, table)
    assert scores.mean_average_precision == pytest.approx(run.scores["val_map"], abs=1e-6)
    assert "average precision" in str(scores)
    assert "several classes or none" in (run.bundle / "README.md").read_text(encoding="utf-8")
    facts = json.loads((run.bundle / "bundle.json").read_text(encoding="utf-8"))
    assert facts["task"] == "tags"


def test_several_labels_of_a_picture_are_no_conflict(table):
    found = hubel.check(table)
    assert not any("conflict" in kind for kind in found.kinds)
    assert found.pictures == {"all": COUNT}


def test_a_loss_for_one_class_is_refused(table, tmp_path):
    with pytest.raises(ValueError, match=r"cross-entropy is for one class a picture.*binary"):
        hubel.train(table, recipe="digits", runs=tmp_path, loss={"name": "cross-entropy"}, size=28)


def test_a_part_is_scored_and_views_are_refused(run, pairs):
    folder, rows = pairs
    parts = ["train", "train", "val", "test"]
    lines = ["file,label,split"]
    lines += [f"{name},{'|'.join(said)},{parts[i % 4]}" for i, (name, said) in enumerate(rows)]
    (folder / "parts.csv").write_text("\n".join(lines), encoding="utf-8")
    scores = hubel.val(run.bundle, folder / "parts.csv", part="test")
    assert (scores.split, scores.pictures) == ("the test part", COUNT // 4)
    with pytest.raises(ValueError, match="views=mirror are for one class a picture"):
        hubel.val(run.bundle, folder / "parts.csv", views="mirror")


def test_what_is_for_one_class_a_picture_says_so(run, table, pairs, tmp_path):
    some = {"recipe": "digits", "size": 28, "runs": tmp_path, "progress": "quiet"}
    with pytest.raises(ValueError, match="folds divide data with one class a picture"):
        hubel.train(table, folds=2, **some)
    with pytest.raises(ValueError, match="correct the labels where they stand"):
        hubel.train(table, labels={"0.png": "digit 0"}, **some)
    with pytest.raises(ValueError, match="ablate takes data with one class a picture"):
        hubel.ablate("resnet20", [{"skip": "none"}], table, runs=tmp_path)
    with pytest.raises(ValueError, match="is a run for tags; calibrate is for"):
        hubel.calibrate(run.path)
    with pytest.raises(ValueError, match="explain takes bundles that tell one"):
        hubel.explain(run.bundle, pairs[0] / "0.png")


def test_a_picture_is_sorted_into_every_class_it_shows(run, pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(predictor, "SHOWN", 0.9)  # so that in some nothing is there
    files = [pairs[0] / f"{i}.png" for i in range(COUNT)]
    answers = hubel.predict(run.bundle, files, sort_into=tmp_path)
    found = {name: set() for name, _ in pairs[1]}
    for file in tmp_path.rglob("*.png"):
        found[file.name].add(file.parent.name)
    for file, answer in zip(files, answers):
        assert found[file.name] == set(answer.labels or ["none of them"])
    assert "none of them" in {name for names in found.values() for name in names}


def test_a_few_pictures_a_head_on_kept_features_and_sets_of_ones_own(run, table, tmp_path):
    some = {"runs": tmp_path, "progress": "quiet", "epochs": 2, "batch": 16}
    kept = hubel.train(table, weights=run.path, recipe="features", pictures=90, **some)
    assert kept.read_json("bundle/bundle.json")["data"]["train"] == 90
    assert kept.read_json("bundle/bundle.json")["calibration"]["method"] == "none"
    assert set(kept.outcome.truths.sum(axis=1).tolist()) == {0, 1, 2}
    draw = np.random.default_rng(1)
    pixels = draw.integers(0, 256, (64, 16, 16, 3), np.uint8)
    own = [(x, (draw.random(3) < 0.5).astype(np.float32)) for x in pixels]
    drawn = hubel.train((own[:48], own[48:]), network="resnet20", classes=list("abc"), **some)
    assert drawn.path.parent.name == "tags"
    assert (drawn.outcome.truths == np.array([y for _, y in own[48:]])).all()


def test_a_bundle_is_scored_on_data_of_its_kind(run):
    with pytest.raises(ValueError, match="one class a picture, and this bundle tells any number"):
        hubel.val(run.bundle, _digits_named_alike())


def _digits_named_alike():
    from dataclasses import replace

    data = open_data("digits")
    keep = np.flatnonzero(data.val.targets < 3)
    names = tuple(f"digit {i}" for i in range(3))
    return replace(data, classes=names, val=data.val.take(keep))
