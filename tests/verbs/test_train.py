"""Everything of one's own goes through the same loop: module, data sets, loss."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import hubel
from hubel.data import decoding
from hubel.data.geometry import Crop
from hubel.training.loop import Rhythm
from hubel.training.progress import Lines
from hubel.verbs.resumption import compare


class Squares(torch.utils.data.Dataset):
    """Pictures 16x16 whose left or right half is bright: (picture, target) pairs."""

    def __init__(self, count: int, seed: int):
        draw = np.random.default_rng(seed)
        self.targets = draw.integers(0, 2, count)
        self.pictures = draw.integers(0, 80, (count, 16, 16, 3)).astype(np.uint8)
        for picture, target in zip(self.pictures, self.targets):
            picture[:, 8 * target : 8 * target + 8] += 120

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.pictures[i], int(self.targets[i])


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2)
        self.head = nn.Linear(4 * 7 * 7, 2)

    def forward(self, x):
        return self.head(torch.relu(self.conv(x)).flatten(1))


def test_module_data_and_loss_of_ones_own(tmp_path):
    calls = []

    def loss(logits, targets):
        calls.append(len(targets))
        return nn.functional.cross_entropy(logits, targets)

    run = hubel.train(
        (Squares(64, 0), Squares(32, 1)), network=Tiny(), loss=loss, classes=["left", "right"],
        epochs=3, batch=8, threads=1, augment=(), runs=tmp_path, progress="quiet",
    )  # fmt: skip
    assert run.scores["val_top1"] == 1.0
    assert calls.count(8) == 3 * 8
    assert calls.count(32) == 3 + 1  # a validation an epoch and the one of record
    assert len(run.results) == 3
    answer = hubel.load(run.bundle).predict(Squares(1, 3).pictures[0])
    assert answer.label == ["left", "right"][Squares(1, 3).targets[0]]
    assert run.report.exists()


def test_ones_own_data_needs_class_names(tmp_path):
    with pytest.raises(ValueError, match="need `classes`"):
        hubel.train((Squares(8, 0), Squares(8, 1)), network=Tiny(), runs=tmp_path)


def test_an_unknown_field_names_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"'epoch'.*epochs"):
        hubel.train("digits", epoch=3, runs=tmp_path)


def test_a_loss_that_is_nan_stops_before_it_is_saved(tmp_path):
    def nan(logits, targets):
        return logits.sum() * float("nan")

    with pytest.raises(ValueError, match="the loss became nan by step 8"):
        hubel.train(
            (Squares(64, 0), Squares(32, 1)), network=Tiny(), loss=nan, classes=["l", "r"],
            epochs=1, batch=8, threads=1, augment=(), runs=tmp_path, progress="quiet", nan="stop",
        )  # fmt: skip
    assert not list(tmp_path.rglob("*.pt"))


def test_a_run_shows_itself(tmp_path):
    run = hubel.train("digits", epochs=1, threads=1, runs=tmp_path, progress="quiet")
    assert "report.html" in run.summary()
    assert "report.html" in run._repr_html_()
    assert json.loads(json.dumps(run.to_dict()))["val_top1"] == run.scores["val_top1"]
    assert hubel.train(resume=run.path) == run


class Killed(Exception):
    pass


class TestPhotographs:
    """From the files' own shapes to a run, and on without the cache it began with."""

    @pytest.fixture
    def folder(self, tmp_path):
        for i, picture in enumerate(Squares(40, 0).pictures):
            bright = int(picture[:, 8:].mean() > picture[:, :8].mean())
            file = tmp_path / "photographs" / "lr"[bright] / f"{i}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).resize((60 + i, 50)).save(file)
        return tmp_path / "photographs"

    def test_resumed_without_the_cache(self, folder, tmp_path, monkeypatch):
        monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))

        def train(name, **words):
            torch.manual_seed(0)
            return hubel.train(network=Tiny(), runs=tmp_path, name=name, progress="lines", **words)

        given = {"data": folder, "recipe": "photos", "size": 16, "batch": 8, "epochs": 2}
        whole = train("whole", threads=1, **given)
        assert whole.recipe.workers == 0  # chosen at the start
        assert isinstance(whole.recipe.augment[0], Crop)

        real = Lines.step

        def kill(self, state, loader):
            real(self, state, loader)
            if state.step == 6:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Lines, "step", kill)
            with pytest.raises(Killed):
                train("killed", threads=1, rhythm=Rhythm(save_steps=3), **given)
        hubel.doctor(empty=True)
        monkeypatch.setenv("HUBEL_CACHE_LIMIT", "0")
        monkeypatch.setattr(decoding, "free_memory", lambda: 1)
        resumed = train("killed", resume=tmp_path / "classify" / "killed")
        assert compare(whole, resumed) == []

    def test_what_it_says(self, folder, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HUBEL_CACHE_LIMIT", "0")
        monkeypatch.setattr(decoding, "free_memory", lambda: 1)
        run = hubel.train(
            folder, recipe="photos", network=Tiny(), size=16, batch=8, epochs=1, threads=1,
            runs=tmp_path, progress="lines",
        )  # fmt: skip
        said = capsys.readouterr().err
        assert said.count("pictures are decoded anew in every epoch") == 2  # train and val differ
        assert "-bound: " in said.splitlines()[-1]
        assert "-bound: " in run.report.read_text(encoding="utf-8")


def test_the_report_shows_mixed_pictures_with_the_shares_of_their_classes(tmp_path):
    run = hubel.train(
        (Squares(64, 0), Squares(32, 1)), network=Tiny(), classes=["left", "right"],
        epochs=2, batch=8, threads=1, augment=(), runs=tmp_path, progress="quiet",
        mix={"name": "cutmix", "share": 1.0},
    )  # fmt: skip
    assert run.recipe.mix == {"name": "cutmix", "share": 1.0}
    shown = run.report.read_text(encoding="utf-8").partition('id="training-pictures"')[2]
    assert re.search(r"(left|right) \d+\D{1,2}%, (left|right) \d+\D{1,2}%", shown)


def test_quick_takes_few_pictures_of_every_class(data, tmp_path):
    planned = hubel.plan(data / "mnist", recipe="digits", quick=True, threads=1)
    assert planned.recipe.pictures == 2000
    assert planned.recipe.steps == 3 * (2000 // 32)
    for part in planned.gathered.counts.values():
        assert set(part.values()) == {200}
