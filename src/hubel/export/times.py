"""What a race of engines gave: times, memory, differences, and who won."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from hubel.export.ways import Way
from hubel.runtime.engines import INT8

AGREES = 1e-4
"""Largest difference of outputs, as a share of the largest, under which answers are the same."""


@dataclass(frozen=True)
class Time:
    """Seconds of one call at a batch size: of every round the median of its calls."""

    batch: int
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The fastest and the slowest round."""
        return min(self.rounds), max(self.rounds)

    @property
    def pictures(self) -> float:
        """A second."""
        return self.batch / self.median


@dataclass(frozen=True)
class Lane:
    """What a way did, or the error for which it could not run.

    `first`: seconds from the start of its process to the answer for the first golden pictures,
    compilation included. `warm`: seconds of the first call at each batch size. `differs`: the
    largest difference of its outputs from those of the reference, as a share of the largest output.
    """

    way: Way
    times: tuple[Time, ...] = ()
    first: float = 0.0
    warm: tuple[float, ...] = ()
    memory: int | None = None
    differs: float = 0.0
    error: str = ""

    def time(self, batch: int) -> Time | None:
        """At that batch size; None where it could not run."""
        return next((time for time in self.times if time.batch == batch), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        words = {"name": str(self.way), **asdict(self.way)}
        if self.error:
            return {**words, "error": self.error}
        times = [
            {
                "batch": time.batch,
                "median_seconds": time.median,
                "pictures_per_second": time.pictures,
                "warm_up_seconds": warm,
                "rounds": list(time.rounds),
            }
            for time, warm in zip(self.times, self.warm)
        ]
        return {
            **words,
            "differs": self.differs,
            "first_answer_seconds": self.first,
            "memory": self.memory,
            "times": times,
        }


@dataclass(frozen=True)
class Race:
    """Every way, in the order in which they were tried."""

    lanes: tuple[Lane, ...]
    batches: tuple[int, ...]
    rounds: int
    threads: int
    int8: bool = False
    """Whether int8 may win: its answers are others, and its gate vouches for them."""

    def fastest(self, batch: int, *, ships: bool = False) -> Lane | None:
        """The winner among the ways with the same answers, or among those that `predict` can take.

        Rounds are compared one by one, so that a busy minute of the machine decides nothing.
        """
        lanes = [
            (lane, time.rounds)
            for lane in self.lanes
            if (time := lane.time(batch))
            and (self.int8 if lane.way.precision == INT8 else lane.differs <= AGREES)
            and (lane.way.ships or not ships)
        ]
        means = [statistics.mean(column) for column in zip(*(rounds for _, rounds in lanes))]
        shares = [statistics.median(t / m for t, m in zip(rounds, means)) for _, rounds in lanes]
        return lanes[shares.index(min(shares))][0] if lanes else None
