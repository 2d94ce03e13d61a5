"""The training loop, the only one: a fold of a tuple of steps over the batches.

    for batch in batches:
        for step in steps:
            step(state, batch)

What surrounds it is position (so that it can stop and go on anywhere), the record, validation and
checkpoints.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from hubel.data import Loader
from hubel.training import checkpoint
from hubel.training.record import Record
from hubel.training.steps import State


class Stopped(Exception):
    """The training was asked to stop; everything is saved."""


class Diverged(ValueError):
    """The loss is not a number any more; the last checkpoint is from before."""


class Watcher(Protocol):
    """Someone who is told how far the training is: the progress bar, a notebook, a test."""

    def step(self, state: State, loader: Loader) -> None:
        """After every step."""

    def epoch(self, state: State, row: dict[str, Any]) -> None:
        """After every validation, with the row of results.csv."""


@dataclass(frozen=True)
class Rhythm:
    """How often what happens; none of it changes the numbers."""

    save_steps: int | None = None
    """Checkpoint every so many steps, and after every epoch; by default only every
    `save_seconds`.
    """
    save_seconds: float = 60.0
    log_steps: int = 50


def run(
    state: State,
    loader: Loader,
    *,
    validate: Callable[[nn.Module], dict[str, float]],
    better: str,
    record: Record,
    folder: Path,
    watcher: Watcher,
    stop: Callable[[], bool] = lambda: False,
    rhythm: Rhythm = Rhythm(),
) -> State:
    """Train from the state's position to its total.

    Validation comes after every epoch and at the end; `better` names the score of which the
    highest is best. `stop` is asked after every step. Raises `Stopped` after saving, `Diverged`
    when the loss is not finite.
    """
    began = time.monotonic() - state.seconds
    saved = time.monotonic()

    def save(name: str = "last") -> None:
        nonlocal saved
        check(state, folder)
        checkpoint.save(folder / f"{name}.pt", state, record)
        saved = time.monotonic()

    while state.step < state.total:
        epoch, start = divmod(state.step, loader.steps)
        waiting = time.monotonic()
        for batch in loader.epoch(epoch, start):
            ready = time.monotonic()
            for step in state.steps:
                step(state, batch)
            state.step += 1
            state.summed += float(state.loss)
            state.counted += 1
            state.spent["load"] += ready - waiting
            state.spent["compute"] += time.monotonic() - ready
            state.seconds = time.monotonic() - began
            watcher.step(state, loader)
            if state.step % rhythm.log_steps == 0:
                check(state, folder)
                line = {"event": "step", "step": state.step, "epoch": epoch, "lr": state.lr}
                record.line(**line, loss=float(state.loss), seconds=round(state.seconds, 3))
            if state.step in (state.total, (epoch + 1) * loader.steps):
                break
            if stop():
                save()
                raise Stopped
            due = rhythm.save_steps and state.step % rhythm.save_steps == 0
            if due or time.monotonic() - saved > rhythm.save_seconds:
                save()
            waiting = time.monotonic()

        check(state, folder)
        validating = time.monotonic()
        scores = validate(state.scored)
        state.spent["validate"] += time.monotonic() - validating
        state.seconds = time.monotonic() - began
        row: dict[str, Any] = {"epoch": epoch + 1, "step": state.step, "lr": state.lr}
        row |= {"seconds": round(state.seconds, 3), "train_loss": state.summed / state.counted}
        row |= scores
        record.epoch(**row)
        watcher.epoch(state, row)
        state.summed, state.counted = 0.0, 0
        if row[better] > state.best:
            state.best = row[better]
            save("best")
        save()
        if stop() and state.step < state.total:
            raise Stopped
    return state


def check(state: State, folder: Path) -> None:
    """Refuse a loss that is not a number before it is recorded, scored or saved."""
    if not math.isfinite(state.summed):
        kept = folder / "last.pt"
        rate = f"the learning rate was {state.lr:.3g}"
        remedy = "train again with a smaller one (--lr)" if state.lr > 0 else "look at the data"
        held = f"; {kept} is from before" if kept.exists() else ""
        raise Diverged(
            f"the loss became {state.summed} by step {state.step}{held}; {rate}: {remedy}"
        )
