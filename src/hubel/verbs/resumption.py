"""The proof that a training killed at any moment ends with the same bits as one that never was.

Real processes are killed with SIGKILL (on Windows: terminated), at random moments and in the middle
of writing a checkpoint, and started again with --resume, until the run is through. Of several
processes one is killed, and torchrun starts them again.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubel import recipes
from hubel.training import checkpoint
from hubel.training.record import read_results
from hubel.training.run import Run
from hubel.verbs.robust import JOB

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows, SIGTERM ends a process at once

LIMIT = 300.0
"""Seconds after which a training that shows no sign of life counts as failed."""


EVERYTHING: dict[str, Any] = {"average": 0.99, "parts": 2, "mix": {"name": "mixup"}}
"""What the trained recipe has besides augmentation: whatever carries something on."""


@dataclass(frozen=True)
class Proof:
    """What was compared: `differences` is empty where the killed run equals the undisturbed one."""

    kills: int
    while_writing: int
    """Kills that hit a checkpoint half written."""
    workers: int
    processes: int
    steps: int
    differences: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether every tensor and every row is the same, bit for bit."""
        return not self.differences

    def __str__(self) -> str:
        """One sentence."""
        half = f" ({self.while_writing} of them with a checkpoint half written)"
        times = "once" if self.kills == 1 else f"{self.kills} times"
        killed = f"killed {times}{half}"
        if self.processes > 1:
            killed = f"in {self.processes} processes, of which one was {killed}"
        what = f"a training of {self.steps} steps with {self.workers} loader workers, {killed}"
        if self.exact:
            return f"{what}, ended with the same weights and the same results.csv, bit for bit"
        first = ", ".join(self.differences[:3])
        return (
            f"{what}, differs from the undisturbed one in {len(self.differences)} values: {first}"
        )


def prove_resumption(
    *,
    kills: int = 5,
    workers: int = 0,
    processes: int = 1,
    seed: int = 0,
    folder: Path | None = None,
) -> Proof:
    """Train on the digits twice, once killed `kills` times, and compare everything but the
    clock's column.

    One process is killed and started again with --resume; of several, joined by torchrun, one is
    killed, and torchrun restarts them.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        runs = folder or Path(made)
        recipe = recipes.load("digits").replace(
            workers=workers, threads=1, seed=seed, data="digits", **EVERYTHING
        )
        epochs = 3 * kills  # long enough for every kill to hit the training
        recipe.replace(epochs=epochs).save(runs / "recipe.yaml")
        command = [sys.executable, "-m", "hubel", "train", "--json"]
        command += ["--runs", str(runs), "--save-every", "3"]
        if processes > 1:
            several = f"torch.distributed.run --standalone --nproc-per-node {processes}"
            restarts = ["--max-restarts", str(kills)]
            command[1:3] = ["-m", *several.split(), *restarts, "-m", "hubel"]
        straight, killed = (Run(runs / "classify" / name) for name in ("straight", "killed"))
        arguments = ["--recipe", str(runs / "recipe.yaml"), "--name"]
        with contextlib.closing(_Training([*command, *arguments, "straight"], straight)) as whole:
            whole.finish()
        draw, done, writing = random.Random(seed), 0, 0
        arguments.append("killed")
        kill = _kill_worker if processes > 1 else _kill_all
        training = _Training([*command, *arguments], killed)
        with contextlib.closing(training):
            while done < kills:
                hit = kill(training, draw, at_write=done % 2 == 1)
                if hit is None:
                    break  # it was through before the moment came
                done, writing = done + 1, writing + hit
                if processes == 1 and killed.path.exists():
                    training.start([*command, "--resume", str(killed.path)])
                elif processes == 1:
                    training.start([*command, *arguments])
            training.finish()
        return Proof(
            kills=done,
            while_writing=writing,
            workers=workers,
            processes=processes,
            steps=straight.recipe.steps or 0,
            differences=tuple(compare(straight, killed)),
        )


def compare(one: Run, other: Run) -> list[str]:
    """Names of what differs between two runs: tensors and values of the last checkpoint, rows
    of results.csv.
    """
    contents = [checkpoint.load(run.checkpoints / "last.pt") for run in (one, other)]
    for content in contents:
        del content["record"]  # lengths of files that hold times
        for name in ("seconds", "spent"):
            del content["position"][name]
    found = _differences("", *contents)
    rows = [read_results(run.path / "results.csv") for run in (one, other)]
    for row in (*rows[0], *rows[1]):
        row.pop("seconds")
    return found + (["results.csv"] if rows[0] != rows[1] else [])


def _differences(name: str, a: Any, b: Any) -> list[str]:
    import torch

    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return [d for key in a for d in _differences(f"{name}/{key}", a[key], b[key])]
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        return [d for i, (x, y) in enumerate(zip(a, b)) for d in _differences(f"{name}/{i}", x, y)]
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return [] if torch.equal(a, b) else [name]
    return [] if a == b else [name]


class _Training:
    """A training in a process of its own, or in those that its torchrun starts."""

    def __init__(self, command: list[str], run: Run) -> None:
        self.run, self.last = run, run.checkpoints / "last.pt"
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`); a pipe that nobody reads would hold it up
        self.killed: set[int] = set()
        self.start(command)

    def start(self, command: list[str]) -> None:
        self.command = command
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.said)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.said.close()

    def finish(self) -> None:
        """Wait for its end; ValueError where it failed, with what it said."""
        if self.process.wait():
            self.said.seek(0)
            said = self.said.read().decode(errors="replace").strip()
            raise ValueError(f"the training failed ({' '.join(self.command)}): {said}")

    def alive(self, since: float) -> bool:
        if time.monotonic() - since > LIMIT:
            command = " ".join(self.command)
            raise ValueError(f"the training did nothing for {LIMIT:.0f} s: {command}")
        return self.process.poll() is None

    def written(self) -> int | None:
        """When the last checkpoint was."""
        return self.last.stat().st_mtime_ns if self.last.exists() else None

    def workers(self) -> list[int]:
        """The process, or those of its torchrun that are not about to end."""
        noted = self.run.path / JOB
        if not noted.exists():
            return []
        numbers: list[int] = json.loads(noted.read_text(encoding="utf-8"))["processes"]
        return [] if self.killed & set(numbers) else numbers

    def writing(self, number: int | str = "*") -> bool:
        """Whether a checkpoint is half written, by the process of that number."""
        return any(self.run.checkpoints.glob(f".*.{number}.part"))

    def wait(self, draw: random.Random, ready: Callable[[], bool], *, at_write: bool) -> bool:
        """Until a moment after the next checkpoint; whether the training still goes on then."""
        began, before = time.monotonic(), self.written()
        while self.alive(began) and (self.written() == before or not ready()):
            time.sleep(0.002)
        moment = time.monotonic() + draw.random() * 0.5
        while self.alive(began) and (
            time.monotonic() < moment or (at_write and not self.writing())
        ):
            time.sleep(0.0002)
        return self.process.poll() is None


def _kill_all(training: _Training, draw: random.Random, *, at_write: bool) -> bool | None:
    """Kill the only process. Gives whether a checkpoint was half written then, or None if the
    training was through before.
    """
    if not training.wait(draw, lambda: True, at_write=at_write):
        training.finish()
        return None
    training.process.kill()
    training.process.wait()
    return training.writing(training.process.pid)


def _kill_worker(training: _Training, draw: random.Random, *, at_write: bool) -> bool | None:
    """The same for one process of several; at a write, for the one that writes."""
    if not training.wait(draw, lambda: bool(training.workers()), at_write=at_write):
        training.finish()
        return None
    workers = training.workers()
    victim = workers[0] if at_write else draw.choice(workers)
    training.killed.update(workers)
    os.kill(victim, KILL)
    time.sleep(0.05)  # until it is dead
    return training.writing(victim)
