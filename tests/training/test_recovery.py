"""Back from losses that are no numbers, to the same bits wherever it is stopped and resumed."""

from __future__ import annotations

import json

import pytest
import torch

from hubel.data import Loader
from hubel.training import checkpoint, loop
from hubel.training.loop import Limits, Rhythm, Stopped
from hubel.training.progress import Quiet
from hubel.training.record import Record
from hubel.training.recovery import Diverged, diverged, finite
from hubel.training.steps import Gradients, State
from tests.training.test_loop import Numbers, state

HALVE = Limits(keep=True, roll_back=True, halve=True)
SCORES = {"val_loss": 1.0, "val_top1": 0.5, "val_top5": 1.0}
PASS_OVER = Limits(keep=True, roll_back=True)


def steep(model, pictures, targets):
    """A bowl so steep that the steps of rate 0.1 grow 2.8 times each, and of half of it shrink."""
    return 19 * model.w.square().sum()


def unlucky(model, pictures, targets):
    """No number where the pictures 7 and 11 come together."""
    met = {7, 11} <= set(pictures.flatten().tolist())
    return (model.w - 1).square().sum() * (float("nan") if met else 1.0)


def hidden(model, pictures, targets):
    """The same, but only the gradient is no number."""
    met = {7, 11} <= set(pictures.flatten().tolist())
    return (model.w - 1).square().sum() + (torch.sqrt(0 * model.w).sum() if met else 0)


def go(folder, objective, limits, total=60, stops=(), log_steps=3) -> State:
    """Five steps an epoch, stopped after each number of calls and resumed every time."""
    folder.mkdir()
    for stop in (*stops, None):
        made = state(total=total)
        made.batch, made.per_epoch = 4, 5
        made.steps = tuple(
            Gradients(objective) if isinstance(s, Gradients) else s for s in made.steps
        )
        record, last = Record(folder), folder / "checkpoints" / "last.pt"
        if last.exists():
            checkpoint.restore(last, made, record)
        done = iter(range(10**6))
        try:
            loop.run(
                made, Loader(Numbers(), batch=4, seed=0), validate=lambda m: dict(SCORES),
                better="val_top1", record=record, folder=folder / "checkpoints", watcher=Quiet(),
                stop=lambda: stop is not None and next(done) == stop,  # noqa: B023
                rhythm=Rhythm(log_steps=log_steps), limits=limits,
            )  # fmt: skip
        except Stopped:
            continue
        return made
    raise AssertionError


def events(folder) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "rollback"]


@pytest.mark.parametrize(
    ("objective", "limits"), [(steep, HALVE), (unlucky, PASS_OVER), (hidden, PASS_OVER)]
)
def test_stopped_and_resumed_it_is_the_same(tmp_path, objective, limits):
    straight = go(tmp_path / "straight", objective, limits)
    parted = go(tmp_path / "parted", objective, limits, stops=(2, 7, 31, 4, 1))
    assert torch.equal(straight.model.w, parted.model.w)
    assert straight.rollbacks == parted.rollbacks > 0
    assert events(tmp_path / "straight") == events(tmp_path / "parted")
    rows = [Record(tmp_path / name).rows() for name in ("straight", "parted")]
    for row in (*rows[0], *rows[1]):
        row.pop("seconds")
    assert rows[0] == rows[1]
    assert [row["epoch"] for row in rows[0]] == list(range(1, 13))
    assert not (tmp_path / "straight" / "checkpoints" / "good.pt").exists()


def test_half_the_rate_cures_it(tmp_path):
    made = go(tmp_path / "run", steep, HALVE)
    (event,) = events(tmp_path / "run")
    assert event["scale"] == made.scale == 0.5
    assert event["next"] == event["step"] < event["failed"]
    assert made.lr == 0.05
    assert made.model.w.abs().max() < 1e18


def test_batches_are_passed_over_up_to_the_last_of_the_epoch(tmp_path):
    made = go(tmp_path / "run", unlucky, PASS_OVER)
    for event in events(tmp_path / "run"):
        assert event["step"] % 5 == 0
        assert event["step"] <= event["next"] <= event["failed"]
        assert event["next"] % 5 != 0 or event["next"] == event["step"]
    assert made.lr == 0.1


def test_after_three_it_ends(tmp_path):
    with pytest.raises(Diverged, match=r"became .* after 3 rollbacks.*last.pt is from before"):
        go(tmp_path / "run", steep, PASS_OVER)


def test_without_rollbacks_it_ends_at_once(tmp_path):
    with pytest.raises(Diverged, match=r"became inf by step \d+; .*--lr"):
        go(tmp_path / "run", steep, Limits())


def test_weights_count_before_they_are_scored(tmp_path):
    made = state()
    made.model.w.data[0, 1] = float("inf")
    assert finite(made)
    assert not finite(made, weights=True)
    assert "the answers became no numbers by step 0; the" in str(diverged(made, tmp_path))
