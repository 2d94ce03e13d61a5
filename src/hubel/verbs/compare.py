"""compare: runs side by side on the same pictures, with what each of them costs."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hubel.analysis.compare import Cost, Entry, Pair, pairs
from hubel.networks import account, create
from hubel.runtime.bundle import Bundle
from hubel.runtime.predictor import Predictor
from hubel.tasks.outcome import Outcome
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.verbs.show import titled

ROUNDS, SLOWEST = 60, 20.0  # of timing: so many rounds, or as many as fit into so many seconds
NOT_THE_WAY = {"seed": 0, "threads": None, "workers": 0, "device": "auto", "recipe": ""}
"""Fields in which two runs may differ and still be the same training."""


@dataclass(frozen=True)
class Compared:
    """Entries, the best first, what each costs, and every two of them compared."""

    entries: tuple[Entry, ...]
    costs: tuple[Cost, ...]
    pairs: tuple[Pair, ...]
    pictures: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        return {
            "pictures": self.pictures,
            "entries": [
                {"name": e.name, "top1": e.scores.tolist(), **_plain(asdict(cost))}
                for e, cost in zip(self.entries, self.costs)
            ],
            "pairs": [_plain(asdict(p)) | {"real": p.real, "verdict": str(p)} for p in self.pairs],
        }

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page with the plots of accuracy against cost: one HTML that works offline."""
        from hubel.report.compare import write_compare

        return write_compare(path, self.entries, self.costs, self.pairs)


def compare(runs: Sequence[str | Path | Run], *, against: int | None = None) -> Compared:
    """Compare finished runs that were validated on the same pictures: every two of them, or all
    with the run at place `against`.

    Runs whose recipes differ in nothing but the seed (and machine) are one entry of several seeds.
    Latency is measured now, interleaved. ValueError for fewer than two entries, for runs without a
    bundle, and for other classes or other validation pictures.
    """
    opened = [run if isinstance(run, Run) else Run.open(run) for run in runs]
    bundles = [_bundle(run) for run in opened]
    outcomes = aligned(opened, bundles)
    groups: dict[str, list[int]] = {}
    for i, run in enumerate(opened):
        groups.setdefault(repr(_way(run.recipe).to_dict()), []).append(i)
    if len(groups) < 2:
        raise ValueError(
            f"{len(opened)} runs of the same training in several seeds; give runs that differ in "
            "more than the seed"
        )
    members = list(groups.values())
    names = _names([opened[places[0]] for places in members])
    entries = [
        Entry(name, np.stack([outcomes[i] for i in places])) for name, places in zip(names, members)
    ]
    timed = latencies([bundles[places[0]] for places in members])
    costs = [
        Cost(
            *_account(bundles[places[0]]),
            latency,
            statistics.mean(opened[i].results[-1]["seconds"] for i in places),
        )
        for places, latency in zip(members, timed)
    ]
    base = None
    if against is not None:
        base = next(entry for entry, places in zip(entries, members) if against in places)
    order = sorted(range(len(entries)), key=lambda i: -entries[i].score)
    return Compared(
        tuple(entries[i] for i in order),
        tuple(costs[i] for i in order),
        tuple(pairs(entries, base)),
        entries[0].right.shape[1],
    )


def _bundle(run: Run) -> Bundle:
    if not run.finished:
        raise ValueError(f"{run.path}: this run is not finished; hubel train --resume {run.path}")
    return Bundle.open(run.path)


def aligned(runs: Sequence[Run], bundles: Sequence[Bundle]) -> list[np.ndarray]:
    """(N,) for each run: which pictures it answered right, in the order of the names."""
    right, first = [], None
    for run, bundle in zip(runs, bundles):
        outcome = run.outcome
        if not isinstance(outcome, Outcome):
            raise ValueError(
                f"{run.path} is a run for {run.recipe.task}; compare takes those that tell one "
                "class a picture"
            )
        truths = sorted(zip(outcome.names, (bundle.classes[t] for t in outcome.truths)))
        if first is None:
            first, classes = truths, bundle.classes
        if set(bundle.classes) != set(classes):
            raise ValueError(
                f"{run.path} has the classes {_some(bundle.classes)}, {runs[0].path} has "
                f"{_some(classes)}; only runs of the same classes can be compared"
            )
        if truths != first:
            raise ValueError(
                f"{run.path} was validated on other pictures than {runs[0].path} "
                f"({len(truths):,} and {len(first):,}, {len(set(truths) & set(first)):,} of them "
                "the same); train both on the same data with the same split"
            )
        right.append(outcome.right[np.argsort(np.array(outcome.names), kind="stable")])
    return right


def _some(classes: Sequence[str]) -> str:
    return ", ".join(classes[:4]) + (f" and {len(classes) - 4} more" if len(classes) > 4 else "")


def _way(recipe: Recipe) -> Recipe:
    """What counts as the way of training: the recipe without seed and machine."""
    steps = None if recipe.minutes else recipe.steps
    return recipe.replace(**NOT_THE_WAY, steps=steps)


def _names(runs: Sequence[Run]) -> list[str]:
    """What tells the entries apart: the networks with their words, or the run folders' names, or
    their paths.
    """
    networks = [titled(run.recipe.network, run.recipe.words) for run in runs]
    for names in (networks, [run.path.name for run in runs]):
        if len(set(names)) == len(names):
            return names
    return [run.path.as_posix() for run in runs]


def _account(bundle: Bundle) -> tuple[float, float]:
    """Parameters and MACs; NaN for a network that only its owner can build."""
    network = bundle.network
    given = {"classes": network["classes"], "channels": network["channels"]}
    try:
        with torch.device("meta"):
            module = create(network["name"], **given, **network["words"])
    except ValueError:
        return math.nan, math.nan
    found = account(module, (network["channels"], *bundle.preprocess.input_size))
    return float(found.params), float(found.macs)


def latencies(bundles: Sequence[Bundle]) -> list[float]:
    """Milliseconds for one picture, median of rounds in which each network has its turn."""
    timed = [(Predictor(bundle), bundle.preprocess.input_size) for bundle in bundles]
    pictures = [np.full((1, height, width, 3), 128, np.uint8) for _, (height, width) in timed]
    taken: list[list[float]] = [[] for _ in timed]
    until = time.perf_counter() + SLOWEST
    for turn in range(1 + ROUNDS):
        for (predictor, _), picture, times in zip(timed, pictures, taken):
            began = time.perf_counter()
            predictor.engine(picture)
            times.append(1000 * (time.perf_counter() - began))
        if turn > 2 and time.perf_counter() > until:
            break
    return [statistics.median(times[1:]) for times in taken]  # the first warms up


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: unknown is null."""
    nan = {k for k, v in values.items() if isinstance(v, float) and math.isnan(v)}
    return {k: None if k in nan else v for k, v in values.items()}
