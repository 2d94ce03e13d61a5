"""`folds`: a run for each, and every picture answered by a network that never saw it."""

from __future__ import annotations

import csv
import os
import signal
import statistics

import pytest

import hubel
from hubel.training.folds import Folds
from hubel.training.loop import Rhythm, Stopped
from hubel.training.progress import Quiet
from tests.verbs.test_train import Squares, Tiny

WORDS = {"recipe": "digits", "epochs": 1, "threads": 1, "progress": "quiet"}


def test_stopped_in_the_second_and_resumed_it_is_the_same(tmp_path, monkeypatch):
    whole = hubel.train("digits", folds=2, runs=tmp_path, name="whole", **WORDS)

    def stop(self, state, loader):
        if "fold-2" in {p.name for p in (tmp_path / "classify" / "parted").glob("fold-*")}:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Quiet, "step", stop)
        with pytest.raises(Stopped, match=r"parted$"):
            hubel.train("digits", folds=2, runs=tmp_path, name="parted", **WORDS)
    parted = hubel.train(resume=True, runs=tmp_path, progress="quiet", rhythm=Rhythm())
    assert isinstance(parted, Folds)
    assert parted.path.name == "parted"
    assert parted.finished
    assert (parted.outcome.probabilities == whole.outcome.probabilities).all()
    assert parted.scores == whole.scores

    first, second = whole.runs
    assert whole.outcome.names == tuple(sorted({*first.outcome.names, *second.outcome.names}))
    assert len(whole.outcome.names) == 1797
    tops = [run.scores["val_top1"] for run in whole.runs]
    assert whole.scores["val_top1"] == pytest.approx(statistics.mean(tops))
    assert whole.read_json("folds.json")["deviation"]["val_top1"] == statistics.stdev(tops)
    with (whole.path / "errors.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 1797
    assert "deviation" in whole.summary()
    assert whole.to_dict()["run"] == str(whole.path)


def test_refused(tmp_path):
    with pytest.raises(ValueError, match="fold None of 1"):
        hubel.train("digits", folds=1, runs=tmp_path, **WORDS)
    with pytest.raises(ValueError, match="folds start with fresh weights"):
        hubel.train("digits", network=Tiny(), folds=2, runs=tmp_path, **WORDS)
    with pytest.raises(ValueError, match="divide data sets of your own"):
        hubel.train(
            (Squares(8, 0), Squares(8, 1)), folds=2, fold=1, classes=["l", "r"], runs=tmp_path,
            **WORDS,
        )  # fmt: skip
