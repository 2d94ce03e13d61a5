"""How far a training is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Any, TextIO

from hubel.data import Loader
from hubel.training.steps import State


class Quiet:
    """Says nothing."""

    def say(self, text: str) -> None:
        """A sentence before or during the training."""

    def step(self, state: State, loader: Loader) -> None:
        """After every step."""

    def epoch(self, state: State, row: dict[str, Any]) -> None:
        """After every validation."""

    def close(self) -> None:
        """At the end, however it came."""


class Lines(Quiet):
    """One line an epoch: for logs, pipes and notebooks."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr
        self.remaining = Remaining()

    def say(self, text: str) -> None:
        """Print it."""
        print(text, file=self.out, flush=True)

    def step(self, state: State, loader: Loader) -> None:
        """Only measures."""
        self.remaining.tick(state)

    def epoch(self, state: State, row: dict[str, Any]) -> None:
        """Print the row."""
        print(epoch_line(row) + f"  {self.remaining.text(state)}", file=self.out, flush=True)


class Bar(Quiet):
    """A bar with the loss and the remaining time; finished epochs stay above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(None),
            TextColumn("{task.fields[note]}"),
        )
        self.progress = Progress(
            *columns, console=Console(stderr=True), refresh_per_second=5, transient=True
        )
        self.task = self.progress.add_task("starting", total=None, note="")
        self.remaining = Remaining()
        self.shown = 0.0
        self.loss: float | None = None

    def say(self, text: str) -> None:
        """Print it above the bar."""
        self.progress.console.print(text, highlight=False, markup=False)

    def step(self, state: State, loader: Loader) -> None:
        """Move the bar, a few times a second."""
        self.remaining.tick(state)
        self.progress.start()  # with the first step, so that nothing moves before
        if time.monotonic() - self.shown < 0.2:
            return
        self.shown = time.monotonic()
        loss = float(state.loss)
        self.loss = loss if self.loss is None else 0.8 * self.loss + 0.2 * loss
        epoch, epochs = (state.step - 1) // loader.steps + 1, -(-state.total // loader.steps)
        self.progress.update(
            self.task,
            total=state.total,
            completed=state.step,
            description=f"epoch {epoch}/{epochs}",
            note=f"loss {self.loss:.3f}  {self.remaining.text(state)}",
        )

    def epoch(self, state: State, row: dict[str, Any]) -> None:
        """Leave the row above the bar."""
        self.say(epoch_line(row))
        self.progress.update(self.task, completed=state.step, total=state.total)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self.progress.stop()


def watcher(mode: str = "auto") -> Quiet:
    """`auto`: a bar on a terminal, lines elsewhere; or `bar`, `lines`, `quiet` by name."""
    if mode == "quiet":
        return Quiet()
    on_terminal = sys.stderr.isatty() if mode == "auto" else mode == "bar"
    return Bar() if on_terminal else Lines()


class Remaining:
    """Remaining time from the pace of the last steps, validations included."""

    def __init__(self) -> None:
        self.marks: deque[tuple[float, int]] = deque(maxlen=500)

    def tick(self, state: State) -> None:
        """Note the moment of a step."""
        self.marks.append((time.monotonic(), state.step))

    def text(self, state: State) -> str:
        """Such as `about 2 min left`; nothing until a pace is known."""
        if len(self.marks) < 5 or state.step >= state.total:
            return ""
        (t0, s0), (t1, s1) = self.marks[0], self.marks[-1]
        return f"about {duration((t1 - t0) / (s1 - s0) * (state.total - state.step))} left"


def duration(seconds: float) -> str:
    """Seconds in the words people use: 40 s, 3 min, 2 h 10 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def epoch_line(row: dict[str, Any]) -> str:
    """The row of results.csv for people."""
    scores = "  ".join(
        f"{name[4:]} {value:.2%}" if name.startswith("val_top") else f"{name} {value:.4f}"
        for name, value in row.items()
        if name.startswith("val_") and name != "val_top5"  # it stands in results.csv
    )
    place = f"epoch {row['epoch']:>3}  {row['seconds']:7.1f} s"
    return f"{place}  train_loss {row['train_loss']:.4f}  {scores}"
