"""soup: the weights of several runs averaged into one network, which costs no more than one."""

from __future__ import annotations

import itertools
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.optim.swa_utils import update_bn

from hubel.data import Data
from hubel.runtime.bundle import Bundle
from hubel.training.checkpoint import seed_generators
from hubel.training.fit import Trainer
from hubel.training.record import Record
from hubel.training.run import Run
from hubel.verbs.finish import finish
from hubel.verbs.gather import Gathered, Own, gather
from hubel.verbs.train import trainer_for

Weights = dict[str, Tensor]

ALIKE = ("task", "network", "words", "head", "preprocess")
"""Fields in which recipes must be the same for their weights to mean the same."""
LEARNING: dict[str, Any] = {
    "weights": "", "rules": (), "thaw": 0.0, "layerwise": 1.0, "views": None, "whiten": False,
    "sizes": (), "compile": False, "processes": None,
}  # fmt: skip
"""Fields of a recipe that are about learning alone, as they are where nothing is learnt."""
MEASURED = 10_000
"""Training pictures from which the statistics of norms are measured anew, and the loss."""


@dataclass(frozen=True)
class Ingredient:
    """A run, its score on the validation pictures, and whether it is in the soup."""

    run: str
    score: float
    kept: bool


@dataclass(frozen=True)
class Soup:
    """The run folder of the averaged network, its score, and the ingredients, the best first."""

    run: Run
    measure: str
    """What the scores are: val_top1, val_map50, ..."""
    score: float
    ingredients: tuple[Ingredient, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for --json."""
        kept = [asdict(one) for one in self.ingredients]
        return self.run.to_dict() | {
            "measure": self.measure, "score": self.score, "ingredients": kept,
        }  # fmt: skip

    def __str__(self) -> str:
        """A table and what it means, for people."""
        name = f"soup of {self.count}"
        width = max(len(name), *(len(one.run) for one in self.ingredients))
        rows = [
            f"{one.run:<{width}}  {one.score:.4f}{'  kept' if one.kept else ''}"
            for one in self.ingredients
        ]
        head, last = f"{'run':<{width}}  {self.measure}", f"{name:<{width}}  {self.score:.4f}"
        where = self.run.summary().split("\n\n")[-1]
        return "\n".join([head, *rows, last, "", self.verdict, "", where])

    @property
    def verdict(self) -> str:
        """What the scores say, in a sentence or two."""
        if self.count == 1 or self.score < self.ingredients[0].score:
            much = "No average is better than" if self.count == 1 else "The average is worse than"
            return (
                f"{much} the best run alone. Runs that begin at the same weights (--weights) and "
                "differ in rate, augmentation or seed average well; runs from scratch lie too far "
                "apart."
            )
        if self.count < len(self.ingredients):
            return (
                "Which runs were kept was chosen on these validation pictures: on others the score "
                "may be a little lower."
            )
        return "All runs were kept. The network costs what one of them does."

    @property
    def count(self) -> int:
        """How many runs are in it."""
        return sum(one.kept for one in self.ingredients)


def soup(
    runs: Sequence[str | os.PathLike[str] | Run],
    *,
    data: str | os.PathLike[str] | Data | Own | None = None,
    every: bool = False,
    into: str | os.PathLike[str] = "runs",
    name: str | None = None,
) -> Soup:
    """Average the weights of finished runs of the same network into a run folder of its own.

    Greedy: from the best run on, the next one is kept where the average with it is no worse on the
    validation pictures. `every` keeps all of them without asking. Statistics of batch norms that
    differ between the runs are measured anew, on training pictures. `data`: where the data of the
    runs lie now; `into`: the folder of runs.

    ValueError for fewer than two runs, for runs that are not finished, for other networks, classes
    or preprocessing, and for runs that were validated on other pictures, which one of them may have
    learnt. Source: Wortsman et al. 2022 (arXiv 2203.05482), section 2, recipe 1.
    """
    opened = [run if isinstance(run, Run) else Run.open(Path(run)) for run in runs]
    bundles = _alike(opened)
    trainer, gathered = _trainer(opened[0], bundles[0].classes, data)
    weights = [load_file(bundle.weights) for bundle in bundles]
    better = trainer.task.better

    def tasted(places: Sequence[int]) -> tuple[Any, dict[str, float]]:
        fill(trainer, [weights[i] for i in places])
        return trainer.evaluate(trainer.model)

    alone = [tasted([i])[1][better] for i in range(len(opened))]
    order = sorted(range(len(opened)), key=lambda i: -alone[i])
    kept = order if every else order[:1]
    score = alone[order[0]]
    for i in order[len(kept) :]:
        tried = tasted([*kept, i])[1][better]
        if tried >= score:
            kept, score = [*kept, i], tried
    outcome, scores = tasted(kept)
    run = _begun(trainer, [opened[i] for i in kept], Path(into), name)
    _record(run, trainer, [opened[i] for i in kept], scores)
    finish(run, trainer, outcome, gathered)
    ingredients = tuple(Ingredient(str(opened[i].path), alone[i], i in kept) for i in order)
    return Soup(run, better, scores[better], ingredients)


def _alike(runs: Sequence[Run]) -> list[Bundle]:
    """Their bundles; ValueError for runs whose weights cannot be averaged, or scored together."""
    if len(runs) < 2:
        raise ValueError("a soup is made of two runs or more; give their folders")
    first, bundles = runs[0], []
    for n, run in enumerate(runs):
        if run.path.resolve() in (other.path.resolve() for other in runs[:n]):
            raise ValueError(f"{run.path} is given twice; it would count twice")
        if not run.finished:
            raise ValueError(f"{run.path} is not finished; hubel train --resume {run.path}")
        bundles.append(Bundle.open(run.path))
        for name in ALIKE:
            mine, its = getattr(first.recipe, name), getattr(run.recipe, name)
            if mine != its:
                raise ValueError(
                    f"{first.path} and {run.path} differ in {name} ({mine}; {its}); only weights "
                    "of the same network can be averaged"
                )
        if bundles[0].classes != bundles[-1].classes:
            raise ValueError(f"{first.path} and {run.path} have other classes")
        if sorted(run.outcome.names) != sorted(first.outcome.names):
            raise ValueError(
                f"{first.path} and {run.path} were validated on other pictures, which one of them "
                "may have learnt; train them with the same --split and --val"
            )
    return bundles


def _trainer(run: Run, classes: Sequence[str], data: Any) -> tuple[Trainer, Gathered]:
    """The run's network and pictures, without what is only for learning."""
    recipe = run.recipe.replace(**LEARNING)
    where = data or recipe.data
    if not where:
        raise ValueError(f"{run.path} was trained on data sets of your own; give them as `data`")
    gathered = gather(recipe, where, classes if isinstance(where, tuple) else None, False)
    trainer = trainer_for(recipe, gathered, None, None)
    if sorted(trainer.names()) != sorted(run.outcome.names):
        raise ValueError(f"{where}: these are not the pictures that {run.path} was validated on")
    return trainer, gathered


def fill(trainer: Trainer, weights: Sequence[Weights]) -> None:
    """Give the trainer's network the mean of these weights. Statistics of batch norms are measured
    anew where they differ.
    """
    first, moved = weights[0], False
    mean = dict(first)
    for name, value in first.items():
        if value.is_floating_point():
            several = torch.stack([other[name] for other in weights])
            mean[name] = several.double().mean(0).to(value.dtype)
            moved |= name.endswith("running_mean") and not bool((several == value).all())
    trainer.network.load_state_dict(mean)
    if moved:
        seed_generators(trainer.recipe.seed)  # dropout has a part in the statistics
        pictures: Any = (batch.pictures for batch in _some(trainer))
        update_bn(pictures, trainer.model, trainer.device)


def _some(trainer: Trainer) -> Iterator[Any]:
    """Batches of at least MEASURED training pictures, or all."""
    return itertools.islice(trainer.pictures.epoch(0), -(-MEASURED // trainer.recipe.batch))


def _begun(trainer: Trainer, kept: Sequence[Run], runs: Path, name: str | None) -> Run:
    """The run folder, and the recipe that says what the network is made of."""
    folders = tuple(str(run.path.resolve()) for run in kept)
    trainer.recipe = kept[0].recipe.replace(soup=folders)
    return Run.create(runs, trainer.recipe, name or f"{trainer.recipe.network}-soup")


def _record(run: Run, trainer: Trainer, kept: Sequence[Run], scores: dict[str, float]) -> None:
    """The one row of results.csv: the steps and seconds of all that it is made of."""
    rows = [one.results[-1] for one in kept]
    trainer.model.eval()
    with torch.no_grad():
        losses = [
            float(trainer.task.objective(trainer.model, b.pictures, b.targets))
            for b in _some(trainer)
        ]
    Record(run.path, trainer.task.scores).epoch(
        epoch=max(int(row["epoch"]) for row in rows),
        step=sum(int(row["step"]) for row in rows),
        seconds=sum(row["seconds"] for row in rows),
        lr=0.0,
        train_loss=statistics.mean(losses),
        **scores,
    )
