"""Schedules: functions of the share t of the run that is done (0 at the first step, towards 1 at
the last).

Each gives the factor on the learning rate as it was given. Times are shares of the run, not epochs,
so that a shorter run goes through the same course.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Schedule = Callable[[float], float]


def constant(t: float) -> float:
    """1 throughout."""
    return 1.0


def cosine(t: float, *, warmup: float = 0.0, floor: float = 0.0) -> float:
    """Rise from 0 to 1 during `warmup`, then (1 + cos(pi s)) / 2 down to `floor`.

    Source: Loshchilov, Hutter 2016 (arXiv 1608.03983), equation 5, with a linear warm-up before it.
    """
    if t < warmup:
        return t / warmup
    s = (t - warmup) / (1 - warmup)
    return floor + (1 - floor) * (1 + math.cos(math.pi * s)) / 2


def triangle(t: float, *, peak: float = 0.2, start: float = 0.0, floor: float = 0.0) -> float:
    """Linear from `start` to 1 at `peak`, then linear to `floor` at the end."""
    if t < peak:
        return start + (1 - start) * t / peak
    return floor + (1 - floor) * (1 - t) / (1 - peak)


def stairs(t: float, *, at: Sequence[float] = (0.5, 0.75), factor: float = 0.1) -> float:
    """1, times `factor` after each time in `at`: the schedule of He et al. 2015 (arXiv
    1512.03385), section 4.2.
    """
    return factor ** sum(t >= time for time in at)


def table(t: float, *, until: Sequence[float], factors: Sequence[float]) -> float:
    """factors[i] until the time until[i]: any hand-made schedule, such as that of LeCun et al.
    1998, section III.B.
    """
    if len(until) != len(factors):
        raise ValueError(f"{len(until)} times and {len(factors)} factors: `table` needs one each")
    return next((f for u, f in zip(until, factors) if t < u), factors[-1])


SCHEDULES: dict[str, Callable[..., float]] = {
    "constant": constant,
    "cosine": cosine,
    "triangle": triangle,
    "stairs": stairs,
    "table": table,
}
