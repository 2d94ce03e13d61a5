"""Numbers and times as a reader says them, and where the time went in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping

THIN = "\u202f"  # a narrow no-break space: a number stays beside its unit


def percent(share: float, digits: int = 1) -> str:
    """0.9123 -> "91.2 %". Only exactly 1 reads as 100 %, 0.9999 as ">99.9 %"; NaN is a dash."""
    if math.isnan(share):
        return "–"
    if share in (0, 1):
        return f"{share * 100:.0f}{THIN}%"
    step = 10.0**-digits
    rounded = round(share * 100, digits)
    if rounded >= 100:
        return f">{100 - step:.{digits}f}{THIN}%"
    if rounded <= 0:
        return f"<{step:.{digits}f}{THIN}%"
    return f"{rounded:.{digits}f}{THIN}%"


def digits_for(pictures: int) -> int:
    """The decimals of a percentage that `pictures` can carry."""
    return 2 if pictures >= 2000 else 1


def amount(number: float) -> str:
    """12345 -> "12,345"; from ten million on, three digits: "26.6 M", "4.09 G"."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if number >= 10_000_000 and number >= 0.9995 * size:  # else 999,999,999 is 1000 M
            return f"{number / size:#.3g}".rstrip(".") + THIN + unit
    return f"{number:,.0f}"


def counted(number: int, noun: str) -> str:
    """1 -> "1 picture", 2000 -> "2,000 pictures"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """45 -> "45 s", 740 -> "12.3 minutes", 7500 -> "2 h 5 min"."""
    if seconds < 89.5:
        return f"{seconds:.0f}{THIN}s" if seconds >= 9.5 else f"{seconds:.1f}{THIN}s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{seconds / 60:.1f} minutes"
    return f"{minutes // 60}{THIN}h {minutes % 60}{THIN}min"


def milliseconds(seconds: float) -> str:
    """0.01234 -> "12.3", 1.2345 -> "1,235": three digits, or all before the point."""
    value = 1e3 * seconds
    return f"{value:,.0f}" if value >= 999.5 else f"{value:#.3g}".rstrip(".")


# What each part of a run does, and what helps where it takes too long.
PARTS = {
    "read": ("reading and decoding", "decode-bound", ""),
    "augment": ("augmentation", "augment-bound", ""),
    "features": ("the frozen part of the network", "compute-bound", ""),
    "compute": ("forward and backward", "compute-bound", ""),
    "validate": ("validation", "validation-bound", "validating less often would help"),
}


def verdict(seconds: Mapping[str, float], workers: int = 0, idle: int = 0) -> str:
    """Where the time of a run went, in one sentence: "compute-bound: 91 % of the time in ...".

    `seconds` maps the names of PARTS to the time spent in each; the largest part decides. Where a
    tenth or more was spent waiting for pictures, it also says what more loader processes than
    `workers` would save on a machine with `idle` processors for them.
    """
    total = sum(seconds.values())
    if not total > 0:
        return "no time was measured"
    largest = max(seconds, key=lambda part: seconds[part])
    where, name, remedy = PARTS.get(largest, (largest, f"{largest}-bound", ""))
    words = f"{name}: {percent(seconds[largest] / total, 0)} of the time in {where}"
    waited, compute = (sum(seconds.get(part, 0.0) for part in parts) for parts in LOADING)
    if waited >= 0.1 * total and compute > 0:
        remedy = _workers(waited, compute, total, workers, idle)
    return f"{words}; {remedy}" if remedy else words


LOADING = (("read", "augment"), ("compute",))


def _workers(waited: float, compute: float, total: float, workers: int, idle: int) -> str:
    """What more loader processes would save. All that the present ones made took them the time of
    the network and that of the waiting; in the training process itself, the waiting alone.
    """
    made = workers * (waited + compute) if workers else waited
    wanted = math.ceil(made / compute)  # then the network never waits
    possible = min(wanted, idle)
    if possible <= workers:
        return "all processors are busy, so a smaller canvas or fewer distortions would help"
    saved = waited - max(0.0, made / possible - compute)
    more = counted(possible - workers, "more worker")
    return f"{more} (--workers {possible}) would save about {percent(saved / total, 0)}"
