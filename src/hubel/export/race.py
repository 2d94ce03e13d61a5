"""Every way to run a bundle here, timed in turns, each in a process of its own.

A process of its own: the memory is the way's alone, and no library's threads stand in another's
way. In turns: a busy moment of the machine meets all of them. No torch in this process.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any

import numpy as np

from hubel.export.times import Lane, Race, Time
from hubel.export.ways import Way
from hubel.runtime.bundle import Bundle

TURN = 0.3
"""Seconds that a turn lasts at least, or else one call; more calls of a fast engine tell more."""
WARM = 3
"""Calls of each batch size before those that count."""
MOST = 1000
RUNNER = (sys.executable, "-m", "hubel.export.runner")


def race(
    bundle: Bundle,
    ways: Sequence[Way],
    *,
    batches: Sequence[int],
    rounds: int,
    threads: int,
    int8: bool = False,
    say: Callable[[str], object] = lambda text: None,
    runner: Callable[[Way], Sequence[str]] = lambda way: RUNNER,
) -> Race:
    """Time the ways at these batch sizes, in `rounds` turns each. The answers of the first way that
    runs are the reference; `int8` lets such ways win. `runner` is the program of a way, called with
    bundle, way and threads.
    """
    runners: list[_Runner] = []
    try:
        for way in ways:
            say(f"{way}, {way.precision}: starting")
            runners.append(_Runner(bundle, way, threads, runner(way)))
            runners[-1].warm_up(batches)
        running = [each for each in runners if not each.error]
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for batch in batches:
                turn = number % max(1, len(running))
                for each in (*running[turn:], *running[:turn]):
                    each.turn(batch)
        for each in running:
            each.finish()
    finally:
        for each in runners:
            each.stop()
    reference = next((r.answers for r in runners if not r.error), None)
    lanes = tuple(each.lane(reference) for each in runners)
    return Race(lanes, tuple(batches), rounds, threads, int8)


@dataclass
class _Runner:
    """A way in its process."""

    bundle: Bundle
    way: Way
    threads: int
    program: Sequence[str]
    error: str = ""
    answers: np.ndarray = field(default_factory=lambda: np.empty(0))
    first: float = 0.0
    warm: list[float] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)
    times: dict[int, list[float]] = field(default_factory=dict)
    memory: int | None = None

    def __post_init__(self) -> None:
        way = json.dumps(asdict(self.way))
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [*self.program, str(self.bundle.folder), way, str(self.threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        found = self._read()
        self.first = time.perf_counter() - began
        self.answers = np.array(found.get("answers", []))

    def warm_up(self, batches: Sequence[int]) -> None:
        for batch in batches:
            taken = self._ask(batch, WARM)
            if not taken:
                return
            self.warm.append(taken[0])
            self.counts[batch] = min(MOST, max(1, round(TURN / min(taken))))
            self.times[batch] = []

    def turn(self, batch: int) -> None:
        if taken := self._ask(batch, self.counts[batch]):
            self.times[batch].append(statistics.median(taken))

    def finish(self) -> None:
        """Ask for the memory: the process ends with it."""
        if not self.error:
            _pipe(self.process.stdin).close()
            self.memory = self._read().get("memory")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            _pipe(pipe).close()

    def lane(self, reference: np.ndarray | None) -> Lane:
        if self.error or reference is None:
            return Lane(self.way, error=self.error)
        scale = max(1.0, float(np.abs(reference).max()))
        times = tuple(Time(batch, tuple(rounds)) for batch, rounds in self.times.items())
        differs = float(np.abs(self.answers - reference).max()) / scale
        return Lane(self.way, times, self.first, tuple(self.warm), self.memory, differs)

    def _ask(self, batch: int, count: int) -> list[float]:
        if self.error:
            return []
        stdin = _pipe(self.process.stdin)
        stdin.write(json.dumps({"batch": batch, "count": count}) + "\n")
        stdin.flush()
        seconds: list[float] = self._read().get("seconds", [])
        return seconds

    def _read(self) -> dict[str, Any]:
        line = _pipe(self.process.stdout).readline()
        found: dict[str, Any] = json.loads(line) if line else {"error": self._end()}
        self.error = found.get("error", "")
        return found

    def _end(self) -> str:
        return f"its process ended with {self.process.wait()}"


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
