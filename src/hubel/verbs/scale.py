"""scale: how to make a network larger on one's own data: deeper, wider, or with larger pictures."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hubel.analysis.compare import Entry, Pair, pairs
from hubel.analysis.scaling import BUDGET, SINGLE, Factors, Member, grid
from hubel.networks import Network, Spec, account, specification
from hubel.runtime.bundle import Bundle
from hubel.runtime.machine import cores
from hubel.training.device import device
from hubel.training.progress import watcher
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.verbs.choose import choose
from hubel.verbs.compare import aligned, latencies
from hubel.verbs.gather import opened
from hubel.verbs.trials import same_table, side_by_side

Key = tuple[str, int]


@dataclass(frozen=True)
class Scaled:
    """What the search found: the `best` factors for a doubling of the cost.

    `tried`: the grid, the best first, at twice the cost of the network; `left_out`: the factors
    whose networks cost more. `lines`: "compound", "depth", "width", "size": each from the network
    itself to phi doublings. `verdicts`: compound scaling against each of the others, at the last.
    """

    network: str
    best: Factors
    tried: tuple[Member, ...]
    left_out: tuple[Factors, ...]
    lines: Mapping[str, tuple[Member, ...]]
    verdicts: tuple[Pair, ...]

    @property
    def base(self) -> Member:
        """The network itself."""
        return self.lines["compound"][0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        return {
            "network": self.network,
            "alpha": self.best.depth,
            "beta": self.best.width,
            "gamma": self.best.size,
            "tried": [_plain(member) for member in self.tried],
            "lines": {line: [_plain(m) for m in members] for line, members in self.lines.items()},
            "verdicts": [str(pair) for pair in self.verdicts],
        }

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page with the curves of all four: one HTML that works offline."""
        from hubel.report.scale import write_scale

        parts = (self.best, self.tried, self.left_out, self.lines, self.verdicts)
        return write_scale(path, self.network, *parts)


def _plain(member: Member) -> dict[str, Any]:
    factors = member.factors
    return {
        "factors": [factors.depth, factors.width, factors.size],
        "words": dict(member.words),
        "size": member.size,
        "params": member.params,
        "macs": member.macs,
        "predicted": factors.cost,
        "top1": member.answers.scores.tolist(),
        "latency_ms": None if math.isnan(member.latency) else member.latency,
        "epoch_seconds": member.epoch,
    }


@dataclass(frozen=True)
class _Asked:
    """A network to train: its words, the side of its pictures, its table and what it costs."""

    factors: Factors
    words: dict[str, Any]
    size: int
    table: tuple[object, ...]
    params: int
    macs: int


def scale(
    network: str,
    data: str | Path,
    *,
    phi: int = 2,
    words: Mapping[str, Any] | None = None,
    seeds: int = 1,
    jobs: int | None = None,
    recipe: str | Recipe | None = None,
    runs: str | Path = "runs/scale",
    progress: str = "auto",
    **changes: Any,
) -> Scaled:
    """Search how to spend a doubling of the cost on depth, width and size, by short trainings of
    all combinations of a small grid, and train the family that follows, up to `phi` doublings.

    `words` hold for all. `jobs`: trainings side by side, of one thread each; by default one for
    each core, on a GPU one. `changes`: fields of the recipe, as for `train`. What was trained
    before under the same `runs` is used again, and what was interrupted goes on. ValueError for a
    network whose pictures have one size only, before anything is trained.
    """
    for what, count in (("phi", phi), ("seeds", seeds), ("jobs", 1 if jobs is None else jobs)):
        if count < 1:
            raise ValueError(f"{what}={count}: at least 1")
    if ":" in network:
        raise ValueError(f"{network}: scale takes a name of hubel networks, whose table it scales")
    found = opened(data, changes.get("split", 0), changes.get("val", Recipe.val), False)
    found.one_each("scale takes data with one class a picture")
    plain = choose(data, network, recipe, dict(words or {}), False, dict(changes))
    spec = specification(network, **plain.words)
    given = spec.given(classes=len(found.classes), channels=plain.seen.channels)
    at = max(plain.seen.size)
    on_cpu = device(plain.device).type == "cpu"
    if on_cpu:
        changes = {"threads": 1, **changes}
    jobs = jobs or (cores() if on_cpu else 1)

    def asked(factors: Factors) -> _Asked:
        return _asked(given, factors, at, 2 * plain.seen.pad)

    base, options = asked(Factors()), [asked(factors) for factors in grid()]
    within = [one for one in options if one.macs <= 2 * BUDGET * base.macs]
    left_out = tuple(one.factors for one in options if one not in within)
    singles = {line: [asked(each**n) for n in range(1, phi + 1)] for line, each in SINGLE.items()}
    watching = watcher(progress)
    measured: dict[Key, list[Run]] = {}

    def train(several: Sequence[_Asked]) -> None:
        """Those that were not trained yet: different factors may come to the same network."""
        new = {_same(one): one for one in several if _same(one) not in measured}
        trials, named = {}, {}
        for seed in range(seeds):
            for key, one in new.items():
                name = f"{network}-{_named(one)}-{Path(data).name}-{seed}".replace(" ", "-")
                named[name] = key
                trials[name] = {
                    "network": network, "recipe": recipe, "seed": seed, **changes,
                    "words": one.words, "size": one.size,
                }  # fmt: skip

        def told(name: str, run: Run) -> None:
            done = sum(map(len, measured.values())) + 1
            measured.setdefault(named[name], []).append(run)
            watching.say(f"{done}: {run.scores['val_top1']:.2%} top-1, {run.path}")

        watching.say(f"{len(trials)} short trainings, {min(jobs, len(trials))} side by side")
        side_by_side(data, trials, Path(runs), jobs, progress, told)

    train([base, *within])
    tried = sorted(within, key=lambda one: (-_top1(measured[_same(one)]), one.macs))
    best = tried[0].factors
    family = {"compound": [asked(best**n) for n in range(1, phi + 1)], **singles}
    train([one for line in family.values() for one in line])
    everyone = [base, *tried, *(one for line in family.values() for one in line)]
    figures = _figures({_same(one): measured[_same(one)] for one in everyone})
    first = _member(base, figures)
    lines = {
        line: (first, *(_member(one, figures) for one in several))
        for line, several in family.items()
    }
    ends = {line: replace(several[-1].answers, name=line) for line, several in lines.items()}
    compound = ends.pop("compound")
    verdicts = pairs([compound, *ends.values()], base=compound)
    of_grid = tuple(_member(one, figures) for one in tried)
    return Scaled(network, best, of_grid, left_out, lines, tuple(verdicts))


def _asked(spec: Spec, factors: Factors, at: int, border: int) -> _Asked:
    """The network that these factors come to, counted without memory."""
    size = round(at * factors.size)
    scaled = spec.scale(round(factors.width, 3), round(factors.depth, 3))
    side = size + border
    try:
        with torch.device("meta"):
            counted = account(Network(scaled), (spec.channels, side, side))
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{spec.name} cannot be scaled by {factors}: {error}") from error
    words = {w: x for w, x in scaled.words.items() if w not in ("widen", "deepen") or x != 1}
    return _Asked(factors, words, size, same_table(scaled), counted.params, counted.macs)


def _same(one: _Asked) -> Key:
    return repr(one.table), one.size


def _named(one: _Asked) -> str:
    return "-".join([*(f"{word}-{value}" for word, value in one.words.items()), f"{one.size}px"])


def _top1(runs: Sequence[Run]) -> float:
    return statistics.mean(run.scores["val_top1"] for run in runs)


def _figures(
    measured: Mapping[Key, Sequence[Run]],
) -> dict[Key, tuple[NDArray[np.bool_], float, float]]:
    """What was measured of each network: its answers, its latency, in turns and now, its epochs."""
    runs = [run for several in measured.values() for run in several]
    right = iter(aligned(runs, [Bundle.open(run.path) for run in runs]))
    timed = latencies([Bundle.open(several[0].path) for several in measured.values()])
    return {
        key: (np.stack([next(right) for _ in several]), latency, _epoch(several))
        for (key, several), latency in zip(measured.items(), timed)
    }


def _epoch(runs: Sequence[Run]) -> float:
    """Mean seconds of an epoch with its validation."""
    ends = [run.results[-1] for run in runs]
    return statistics.mean(end["seconds"] / end["epoch"] for end in ends)


def _member(one: _Asked, figures: Mapping[Key, tuple[NDArray[np.bool_], float, float]]) -> Member:
    right, latency, epoch = figures[_same(one)]
    answers = Entry(_named(one), right)
    return Member(one.factors, one.words, one.size, one.params, one.macs, answers, latency, epoch)
