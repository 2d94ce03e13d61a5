from __future__ import annotations

import errno
import random

import numpy as np
import pytest
import torch

from hubel.training import checkpoint
from hubel.training.record import Record
from hubel.training.steps import Average, State


def make(seed: int = 0) -> State:
    torch.manual_seed(seed)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return State(model, optimizer, (Average(model, 0.9),), total=10, step=4, best=0.5)


def test_everything_comes_back(tmp_path):
    state, record = make(), Record(tmp_path)
    checkpoint.save(tmp_path / "last.pt", state, record)
    drawn = (random.random(), np.random.rand(), torch.rand(3))  # noqa: NPY002
    other = make(seed=1)
    other.step = 0
    checkpoint.restore(tmp_path / "last.pt", other, record)
    assert other.step == 4
    assert other.best == 0.5
    for a, b in zip(state.model.parameters(), other.model.parameters()):
        assert torch.equal(a, b)
    assert torch.equal(
        state.optimizer.state_dict()["state"][0]["momentum_buffer"],
        other.optimizer.state_dict()["state"][0]["momentum_buffer"],
    )
    assert torch.equal(state.steps[0].model.weight, other.steps[0].model.weight)
    again = (random.random(), np.random.rand(), torch.rand(3))  # noqa: NPY002
    assert drawn[:2] == again[:2]
    assert torch.equal(drawn[2], again[2])


class FullDisk:
    """A disk that takes so many bytes more."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)

    def flush(self):
        self.file.flush()


@pytest.mark.parametrize("room", [0, 500, 3000])
def test_a_full_disk_leaves_the_previous_checkpoint_valid(tmp_path, monkeypatch, room):
    state, record, path = make(), Record(tmp_path), tmp_path / "last.pt"
    checkpoint.save(path, state, record)
    before = path.read_bytes()
    whole = torch.save
    monkeypatch.setattr(torch, "save", lambda obj, file: whole(obj, FullDisk(file, room)))
    state.step = 5
    with pytest.raises(ValueError, match=r"last\.pt.*No space left.*still valid.*--resume"):
        checkpoint.save(path, state, record)
    assert path.read_bytes() == before
    assert checkpoint.load(path)["position"]["step"] == 4
    assert [p.name for p in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_a_broken_checkpoint_is_named(tmp_path, keep):
    path = tmp_path / "last.pt"
    checkpoint.save(path, make(), Record(tmp_path))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"last\.pt: not a checkpoint"):
        checkpoint.load(path)


def test_a_newer_format_is_refused(tmp_path):
    path = tmp_path / "last.pt"
    torch.save({"format": 99}, path)
    with pytest.raises(ValueError, match="checkpoint format 99"):
        checkpoint.load(path)
