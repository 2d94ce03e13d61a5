"""The folder of a training in folds: one run for each, and every picture answered once."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from hubel.tasks.outcome import Outcome
from hubel.training.run import Run

NAME = "folds.json"


class Folds(Run):
    """`runs/<task>/<name>/`: recipe.yaml, the runs fold-1/ and so on, and when all are through
    outcome.npz (for every picture the answer of the network that never saw it), errors.csv and
    folds.json.
    """

    @property
    def finished(self) -> bool:
        """Whether all folds are."""
        return (self.path / NAME).exists()

    @property
    def runs(self) -> list[Run]:
        """Those of the folds, as far as they have begun."""
        paths = (self.path / f"fold-{k + 1}" for k in range(self.recipe.folds or 0))
        return [Run.open(path) for path in paths if (path / "recipe.yaml").exists()]

    @property
    def scores(self) -> dict[str, float]:
        """The means over the folds."""
        means: dict[str, float] = self.read_json(NAME)["mean"]
        return means

    def close(self) -> None:
        """Write folds.json, the scores of all folds, after which all is there."""
        scores = [run.scores for run in self.runs]
        columns = {name: [score[name] for score in scores] for name in scores[0]}
        table = {
            "folds": [{"run": run.path.name, **s} for run, s in zip(self.runs, scores)],
            "mean": {name: statistics.mean(column) for name, column in columns.items()},
            "deviation": {name: statistics.stdev(column) for name, column in columns.items()},
        }
        self.write_json(NAME, table)

    def to_dict(self) -> dict[str, Any]:
        """Where everything lies and the scores, for --json."""
        return {"run": str(self.path), **self.read_json(NAME)}

    def summary(self) -> str:
        """The scores of every fold and of all, for people."""
        table = self.read_json(NAME)
        scores = [f"{fold['run']:<9} {fold['val_top1']:.2%} right" for fold in table["folds"]]
        mean, deviation = table["mean"]["val_top1"], table["deviation"]["val_top1"]
        count = len(self.outcome.names)
        return "\n".join(
            [
                *scores,
                f"Mean      {mean:.2%}, deviation {deviation:.2%}, over {count:,} pictures",
                f"Answers   {self.path / 'outcome.npz'}, each by a network that never saw it",
                f"Mistakes  {self.path / 'errors.csv'}",
            ]
        )


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """The answers of all folds as one, sorted by the names of the pictures."""
    names = [name for outcome in outcomes for name in outcome.names]
    order = np.argsort(names, kind="stable")
    return Outcome(
        tuple(names[i] for i in order),
        *(
            np.concatenate([getattr(outcome, what) for outcome in outcomes])[order]
            for what in ("truths", "probabilities", "losses")
        ),
    )
