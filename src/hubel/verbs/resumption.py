"""The proof that a training killed at any moment ends with the same bits as one that never was.

Real processes are killed with SIGKILL (on Windows: terminated), at random moments and in the middle
of writing a checkpoint, and started again with --resume, until the run is through.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubel.training import checkpoint
from hubel.training.record import read_results
from hubel.training.run import Run

LIMIT = 120.0
"""Seconds after which a training that shows no sign of life counts as failed."""


@dataclass(frozen=True)
class Proof:
    """What was compared: `differences` is empty where the killed run equals the undisturbed one."""

    kills: int
    while_writing: int
    """Kills that hit a checkpoint half written."""
    workers: int
    steps: int
    differences: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether every tensor and every row is the same, bit for bit."""
        return not self.differences

    def __str__(self) -> str:
        """One sentence."""
        what = (
            f"a training of {self.steps} steps with {self.workers} loader workers, killed "
            f"{self.kills} times ({self.while_writing} of them with a checkpoint half written)"
        )
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
    seed: int = 0,
    folder: Path | None = None,
) -> Proof:
    """Train on the digits twice, once killed `kills` times, and compare everything but the
    clock's column.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        runs = folder or Path(made)
        command = [sys.executable, "-m", "hubel", "train", "--json"]
        command += ["--runs", str(runs), "--save-every", "3"]
        epochs = 3 * kills  # long enough for every kill to hit the training
        fresh = f"digits --workers {workers} --threads 1 --seed {seed} --epochs {epochs}".split()
        _wait([*command, *fresh, "--name", "straight"])
        straight, killed = (Run(runs / "classify" / name) for name in ("straight", "killed"))
        draw, done, writing = random.Random(seed), 0, 0
        arguments = [*fresh, "--name", "killed"]
        while done < kills:
            hit = _kill([*command, *arguments], killed, draw, at_write=done % 2 == 1)
            if hit is None:
                break  # it was through before the moment came
            done, writing = done + 1, writing + hit
            if killed.path.exists():
                arguments = ["--resume", str(killed.path)]
        _wait([*command, *arguments])
        return Proof(
            kills=done,
            while_writing=writing,
            workers=workers,
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


def _kill(command: list[str], run: Run, draw: random.Random, *, at_write: bool) -> bool | None:
    """Start, wait for a moment after the first new checkpoint, kill.

    Gives whether a checkpoint was half written then, or None if the training was through before.
    """
    last = run.checkpoints / "last.pt"
    before = last.stat().st_mtime_ns if last.exists() else None
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    began = time.monotonic()

    def alive() -> bool:
        if time.monotonic() - began > LIMIT:
            process.kill()
            raise ValueError(f"the training did nothing for {LIMIT:.0f} s: {' '.join(command)}")
        return process.poll() is None

    def half_written() -> bool:
        return any(run.checkpoints.glob(".*.part")) if run.checkpoints.exists() else False

    with process:  # closes the pipe and waits, whatever happens
        try:
            while alive() and (not last.exists() or last.stat().st_mtime_ns == before):
                time.sleep(0.002)
            moment = time.monotonic() + draw.random() * 0.5
            while alive() and (time.monotonic() < moment or (at_write and not half_written())):
                time.sleep(0.0002)
            if process.poll() is None:
                process.kill()
                process.wait()
                return half_written()
            if process.returncode and process.stderr:
                said = process.stderr.read().decode(errors="replace").strip()
                raise ValueError(f"the training failed: {said}")
            return None
        finally:
            process.kill()


def _wait(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"the training failed: {done.stderr.strip()}")
