"""Is the difference real? Two classifiers, or two ways to train one over several seeds, judged on
the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtr, stdtr

LEVEL = 0.05  # a difference is called real below this probability of seeing it by chance
RESAMPLES = 10_000
ENOUGH = 3  # seeds of each from which on two ways to train can be told apart


@dataclass(frozen=True, eq=False)
class Entry:
    """What is compared: a name and, for each seed, which of the N pictures were answered right.

    `right` is bool (seeds, N).
    """

    name: str
    right: NDArray[np.bool_]

    @property
    def seeds(self) -> int:
        """How many runs stand behind the name."""
        return len(self.right)

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """(seeds,): the accuracy of each run, 0..1."""
        return self.right.mean(axis=1)

    @property
    def score(self) -> float:
        """The mean accuracy over the seeds, 0..1."""
        return float(self.scores.mean())

    @property
    def deviation(self) -> float:
        """The standard deviation over seeds (n - 1); NaN for a single one."""
        return float(self.scores.std(ddof=1)) if self.seeds > 1 else math.nan


@dataclass(frozen=True)
class Cost:
    """What one network of an entry costs: parameters, MACs of a picture, milliseconds for one
    picture in the bundle's engine on this machine, seconds of training. NaN where unknown.
    """

    params: float
    macs: float
    latency: float
    training: float


@dataclass(frozen=True)
class Pair:
    """The first against the second of two entries.

    `difference` of the accuracies and its 95 % interval `low`..`high` (paired bootstrap over the
    pictures), in -1..1. `only_first`, `only_second`: pictures that only one of them answers right,
    means over seeds. `chance`: the probability of at least this difference between equals, over
    pictures. `chance_seeds`: the same over seeds, NaN where one of them has a single seed.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    only_first: float
    only_second: float
    pictures: int
    seeds: tuple[int, int]
    chance: float
    chance_seeds: float

    @property
    def repeated(self) -> bool:
        """Whether both have several seeds, so that more than two networks is compared."""
        return min(self.seeds) > 1

    @property
    def real(self) -> bool:
        """Whether it would rarely be seen between equals: over the pictures, and, where there
        are several seeds, over the seeds too.
        """
        return self.chance < LEVEL and not (self.repeated and self.chance_seeds >= LEVEL)

    @property
    def visible(self) -> float:
        """The smallest difference that so many pictures show in four of five cases, 0..1.

        (z(0.975) + z(0.8)) sqrt(share of pictures on which they disagree / pictures).
        """
        disagreed = (self.only_first + self.only_second) / self.pictures
        return 2.8 * math.sqrt(max(disagreed, 1 / self.pictures) / self.pictures)

    def __str__(self) -> str:
        """The verdict in words."""
        d, low, high = (100 * value for value in (self.difference, self.low, self.high))
        better, worse = (self.first, self.second) if d >= 0 else (self.second, self.first)
        if d < 0:
            d, low, high = -d, -high, -low
        test = "McNemar, " if self.seeds == (1, 1) else ""
        numbers = f"{d:.2f} points, 95 % interval {low:.2f} to {high:.2f}, {test}{_p(self.chance)}"
        if self.repeated:
            a, b = self.seeds
            numbers += f" over pictures, {_p(self.chance_seeds)} over {a} and {b} seeds"
        if self.real:
            kind = "The difference is real" if self.repeated else "These two networks differ"
            said = f"{kind}: {better} is better than {worse} by {numbers}."
        else:
            said = (
                f"No difference is shown between {better} and {worse} ({numbers}); "
                f"{self.pictures:,} pictures show {100 * self.visible:.2f} points or more."
            )
        if min(self.seeds) < ENOUGH:
            fewest = "One seed says" if min(self.seeds) == 1 else "Two seeds say"
            said += (
                f" {fewest} little about the way they were trained: another seed may turn it "
                f"round. Train each with {ENOUGH} seeds or more."
            )
        return said


def _p(chance: float) -> str:
    return "p < 0.001" if chance < 0.001 else f"p = {chance:.3f}"


def mcnemar(only_first: int, only_second: int) -> float:
    """The probability, under equality, of a split at least as uneven: McNemar's test, mid-p form.

    Twice the binomial tail minus the probability of the split itself; it keeps its level where the
    exact form is too careful. Source: McNemar 1947; Fagerland, Lydersen, Laake 2013,
    doi 10.1186/1471-2288-13-91, equation 4.
    """
    n, k = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    tail = bdtr(k, n, 0.5)
    itself = tail - (bdtr(k - 1, n, 0.5) if k else 0.0)
    return float(min(1.0, 2 * tail - itself))


def welch(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The two-sided probability of Welch's t test for equal means; NaN below two values each.

    t = (mean_1 - mean_2) / sqrt(s_1^2 / n_1 + s_2^2 / n_2), with the degrees of freedom of Welch
    1947, doi 10.1093/biomet/34.1-2.28.
    """
    if min(len(first), len(second)) < 2:
        return math.nan
    parts = np.array([x.var(ddof=1) / len(x) for x in (first, second)])
    difference = float(first.mean() - second.mean())
    if parts.sum() == 0:
        return 1.0 if difference == 0 else 0.0
    freedom = parts.sum() ** 2 / (parts**2 / (np.array([len(first), len(second)]) - 1)).sum()
    return float(2 * stdtr(freedom, -abs(difference) / math.sqrt(parts.sum())))


def interval(differences: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, by resampling the values (N,) with replacement.

    Values of pictures are few different ones, so a resample is a draw of how often each occurs.
    """
    values, counts = np.unique(differences, return_counts=True)
    n = len(differences)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, RESAMPLES)
    low, high = np.percentile(drawn @ values / n, [2.5, 97.5])
    return float(low), float(high)


def pair(first: Entry, second: Entry) -> Pair:
    """Compare two entries on the same pictures, given in the same order.

    Single runs: McNemar's test. Several seeds: a z test of the mean difference over pictures, and
    Welch's test over seeds; both have to speak for a difference, as either can mislead alone.
    """
    mine, other = first.right.mean(axis=0), second.right.mean(axis=0)
    differences = mine - other
    pictures = len(differences)
    only = (float((mine * (1 - other)).sum()), float((other * (1 - mine)).sum()))
    if first.seeds == second.seeds == 1:
        chance = mcnemar(round(only[0]), round(only[1]))
    else:
        error = differences.std() / math.sqrt(pictures)
        chance = float(2 * ndtr(-abs(differences.mean()) / error)) if error else 1.0
    return Pair(
        first.name,
        second.name,
        float(differences.mean()),
        *interval(differences),
        *only,
        pictures,
        (first.seeds, second.seeds),
        chance,
        welch(first.scores, second.scores),
    )


def pairs(entries: Sequence[Entry], base: Entry | None = None) -> list[Pair]:
    """Every two of the entries, the better one first, or each of them against `base`; with
    Holm's correction for the number of comparisons.
    """
    ranked = sorted(entries, key=lambda entry: -entry.score)
    if base is None:
        found = [pair(a, b) for i, a in enumerate(ranked) for b in ranked[i + 1 :]]
    else:
        found = [pair(entry, base) for entry in ranked if entry is not base]
    over_pictures, over_seeds = (
        holm([getattr(p, field) for p in found]) for field in ("chance", "chance_seeds")
    )
    return [
        replace(p, chance=a, chance_seeds=b) for p, a, b in zip(found, over_pictures, over_seeds)
    ]


def holm(chances: Sequence[float]) -> list[float]:
    """Probabilities corrected for their number; NaN stays and does not count.

    Source: Holm 1979: the i-th smallest of m probabilities times m - i + 1, never below the ones
    before it.
    """
    known = sorted((p, i) for i, p in enumerate(chances) if not math.isnan(p))
    corrected, least = list(chances), 0.0
    for rank, (p, i) in enumerate(known):
        least = max(least, min(1.0, p * (len(known) - rank)))
        corrected[i] = least
    return corrected


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the (cost, score) that no other beats in both, from cheap to dear."""
    best, kept = -math.inf, []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if points[i][1] > best:
            best = points[i][1]
            kept.append(i)
    return kept
