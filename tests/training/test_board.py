"""TensorBoard: the points of a run, each once, however often it was killed."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from torch import nn

import hubel
from hubel.training.loop import Rhythm
from hubel.training.progress import Quiet

event_accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
)


class Killed(Exception):
    pass


@pytest.fixture
def own():
    random = np.random.default_rng(0)
    pictures = [(random.integers(0, 256, (8, 8, 3), np.uint8), i % 2) for i in range(120)]
    return pictures, pictures[:20]


def points(folder) -> dict[str, list[int]]:
    found = event_accumulator.EventAccumulator(str(folder)).Reload()
    return {tag: [p.step for p in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_a_killed_run_has_the_points_of_one_that_never_was(own, tmp_path, monkeypatch):
    words = {"classes": ["a", "b"], "runs": tmp_path, "progress": "quiet"}
    fixed = {"batch": 4, "epochs": 4, "augment": (), "recipe": "digits", "tensorboard": True}

    def network() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(192, 2))

    whole = hubel.train(own, network=network(), name="whole", **words, **fixed)
    expected = points(whole.path)
    assert expected["step/loss"] == expected["step/lr"] == [50, 100]
    assert expected["epoch/val_top1"] == expected["epoch/train_loss"] == [30, 60, 90, 120]

    real = Quiet.step

    def kill(self, state, loader):
        real(self, state, loader)
        if state.step == 100:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Quiet, "step", kill)
        rhythm = Rhythm(save_steps=40)  # the last checkpoint before step 100 is that of step 90
        with pytest.raises(Killed):
            hubel.train(own, network=network(), name="killed", rhythm=rhythm, **words, **fixed)
    run = tmp_path / "classify" / "killed"
    hubel.train(own, network=network(), resume=run, **words)
    assert points(run) == expected


def test_without_the_package(own, tmp_path, monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name == "torch.utils.tensorboard":
            raise ImportError("No module named 'tensorboard'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ValueError, match=r"pip install 'hubel\[tensorboard\]', or leave out"):
        hubel.train(own, classes=["a", "b"], runs=tmp_path, tensorboard=True, recipe="digits")
    assert not list(tmp_path.iterdir())
