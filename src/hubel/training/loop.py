"""The training loop, the only one: a fold of a tuple of steps over the batches.

    for batch in batches:
        for step in steps:
            step(state, batch)

What surrounds it is position (so that it can stop and go on anywhere), the record, validation and
checkpoints.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from hubel.data import Loader
from hubel.tasks.outcome import NotNumbers
from hubel.training import checkpoint
from hubel.training.processes import ALONE, Processes
from hubel.training.record import Record
from hubel.training.recovery import diverged, finite, roll_back
from hubel.training.steps import State


class Stopped(Exception):
    """The training was asked to stop; everything is saved."""


class Watcher(Protocol):
    """Someone who is told how far the training is: the progress bar, a notebook, a test."""

    def say(self, text: str) -> None:
        """What a user should know at once."""

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


@dataclass(frozen=True)
class Limits:
    """When a training gives in: what it does about a loss that is not a number, and its
    patience.
    """

    keep: bool = False
    """Keep the checkpoint of the last epoch's end, to have something to go back to."""
    roll_back: bool = False
    """Go back to it when the loss is not a number, instead of ending."""
    halve: bool = False
    """Then halve the learning rate, which was left automatic; else pass over the batches since."""
    patience: int | None = None
    """End after so many validations without a better score."""
    every: int = 1
    """Validate after so many epochs, and at the end."""

    def over(self, state: State) -> bool:
        """Whether the patience is."""
        return self.patience is not None and state.waited >= self.patience


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
    limits: Limits = Limits(),
    processes: Processes = ALONE,
) -> State:
    """Train from the state's position to its total.

    Validation comes after every epoch and at the end; `better` names the score of which the
    highest is best. `stop` is asked after every step. Raises `Stopped` after saving, `Diverged`
    when the loss is not finite and rolling back did not help.
    """
    began = time.monotonic() - state.seconds
    saved = time.monotonic()
    good = folder / "good.pt"

    def save(*names: str) -> None:
        nonlocal saved
        if finite(state):  # or the one before is kept
            for name in names:
                checkpoint.save(folder / f"{name}.pt", state, record, processes)
        saved = time.monotonic()

    if state.step == 0 and limits.keep:
        save("good")
    while state.step < state.total and not limits.over(state):
        epoch, start = divmod(state.step, loader.steps)
        end = min(state.total, (epoch + 1) * loader.steps)
        waiting = time.monotonic()
        for batch in loader.epoch(epoch, start):
            ready = time.monotonic()
            for step in state.steps:
                step(state, batch)
            state.step += 1
            state.count()
            state.spent["load"] += ready - waiting
            state.spent["compute"] += time.monotonic() - ready
            state.seconds = time.monotonic() - began
            watcher.step(state, loader)
            if state.step % rhythm.log_steps == 0:
                if not finite(state):
                    break
                line = {"event": "step", "step": state.step, "epoch": epoch, "lr": state.lr}
                record.line(**line, loss=float(state.loss), seconds=round(state.seconds, 3))
            if state.step == end:
                break
            due = time.monotonic() - saved > rhythm.save_seconds
            due |= bool(rhythm.save_steps) and state.step % (rhythm.save_steps or 1) == 0
            stopping, due = processes.any(stop(), due)
            if stopping or due:
                save("last")
            if stopping:
                raise Stopped
            waiting = time.monotonic()

        if (epoch + 1) % limits.every and state.step < state.total:
            if processes.any(stop())[0]:
                save("last")
                raise Stopped
            continue

        validating = time.monotonic()
        scores = None
        if finite(state, weights=True):
            processes.alike(state.scored)  # the statistics of norms are those of the first process
            with suppress(NotNumbers):  # weights so large that the answers overflow
                scores = validate(state.scored)
        if scores is None:
            if not limits.roll_back:
                raise diverged(state, folder)
            watcher.say(
                roll_back(state, record, good, end, halve=limits.halve, processes=processes)
            )
            save("last", "good")
            continue
        state.spent["validate"] += time.monotonic() - validating
        state.seconds = time.monotonic() - began
        row: dict[str, Any] = {"epoch": epoch + 1, "step": state.step, "lr": state.lr}
        row |= {"seconds": round(state.seconds, 3)}
        row |= {"train_loss": float(state.summed) / state.counted, **scores}
        record.epoch(**row)
        watcher.epoch(state, row)
        state.summed.zero_()
        state.counted = 0
        state.waited += 1
        if row[better] > state.best:
            state.best, state.waited = row[better], 0
            save("best")
        if limits.over(state) and state.step < state.total:
            record.line(event="early stop", step=state.step, epochs=state.waited, best=state.best)
            watcher.say(
                f"Stopped early: no better {better} than {state.best:.4g} for {state.waited} epochs"
            )
        save("last", *(["good"] if limits.keep else []))
        if processes.any(stop())[0] and state.step < state.total:
            raise Stopped
    if processes.first:
        good.unlink(missing_ok=True)
    return state
