"""The run: the folder that a training leaves behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hubel.runtime.bundle import FACTS
from hubel.runtime.files import write_whole
from hubel.tasks.catalogue import TASKS
from hubel.training.recipe import Recipe
from hubel.training.record import read_results

LISTED = 20
"""Up to so many classes the summary tells about each."""


@dataclass(frozen=True)
class Run:
    """`runs/<task>/<name>/`: recipe.yaml, results.csv, metrics.jsonl, checkpoints/, bundle/,
    report.html, errors.csv.
    """

    path: Path

    @classmethod
    def create(cls, runs: Path, recipe: Recipe, name: str | None = None) -> Run:
        """A new folder with the recipe in it; a name that is taken gets a number, nothing
        is overwritten.
        """
        base = name or "-".join(filter(None, (recipe.network, Path(recipe.data).name)))
        base = "".join(c if c.isalnum() or c in "-_." else "-" for c in base).strip(".-") or "run"
        folder, number = runs if recipe.fold else runs / recipe.task, 1
        while True:
            path = folder / (base if number == 1 else f"{base}-{number}")
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
        run = cls(path)
        recipe.save(run.path / "recipe.yaml")
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """An existing run, by its folder."""
        path = Path(path)
        if not (path / "recipe.yaml").is_file():
            raise ValueError(f"{path}: not a run folder (it has no recipe.yaml)")
        return cls(path)

    @classmethod
    def latest(cls, runs: Path) -> Run:
        """The run of which a checkpoint or the recipe was written last."""
        found = [p.parent for p in runs.glob("*/*/recipe.yaml")]
        if not found:
            raise ValueError(f"{runs}: no run there to resume; start one with `hubel train DATA`")
        return cls(max(found, key=lambda p: cls(p)._touched()))

    def _touched(self) -> float:
        below = (*self.checkpoints.glob("*.pt"), *self.path.glob("fold-*/checkpoints/*.pt"))
        marks = [self.path / "recipe.yaml", *below]
        return max(mark.stat().st_mtime for mark in marks)

    @cached_property
    def recipe(self) -> Recipe:
        """The complete recipe."""
        return Recipe.load(self.path / "recipe.yaml")

    @property
    def checkpoints(self) -> Path:
        """The folder of last.pt and best.pt."""
        return self.path / "checkpoints"

    @property
    def bundle(self) -> Path:
        """The model that ships."""
        return self.path / "bundle"

    @property
    def report(self) -> Path:
        """The page to open first."""
        return self.path / "report.html"

    @property
    def results(self) -> list[dict[str, float]]:
        """The rows of results.csv."""
        return read_results(self.path / "results.csv")

    @property
    def scores(self) -> dict[str, float]:
        """The scores of record: those of the last row, which is the last checkpoint's."""
        last = self.results[-1]
        return {name: value for name, value in last.items() if name.startswith("val_")}

    @property
    def outcome(self) -> Any:
        """What the network answered for every validation picture."""
        return TASKS[self.recipe.task].answers.load(self.path / "outcome.npz")

    @property
    def finished(self) -> bool:
        """Whether everything is there, the report last."""
        return self.report.exists()

    def write_json(self, name: str, value: Any) -> Path:
        """Write a small JSON file into the run, such as environment.json."""
        return write_whole(self.path / name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> Any:
        """Read it back."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def to_dict(self) -> dict[str, Any]:
        """Where everything lies and the scores of record, for --json."""
        return {
            "run": str(self.path),
            "report": str(self.report),
            "bundle": str(self.bundle),
            **self.scores,
        }

    def summary(self) -> str:
        """Where everything lies and what to do next, for people."""
        outcome, errors = self.outcome, self.path / "errors.csv"
        return "\n".join(
            [
                *self._classes(outcome),
                f"Score     {outcome.score} on {len(outcome.names):,} validation pictures",
                f"Report    {self.report}",
                *([f"Mistakes  {errors}"] if errors.exists() else []),
                f"Bundle    {self.bundle}",
                f"Next      hubel predict {self.bundle} PICTURE...",
            ]
        )

    def _classes(self, outcome: Any) -> list[str]:
        """The share that was answered right of each class, the worst first, and an empty line; of
        tags, how many of the pictures that show it were found; of other tasks what they say.
        """
        facts = json.loads((self.bundle / FACTS).read_text(encoding="utf-8"))
        if hasattr(outcome, "told"):
            return [*outcome.told(facts["classes"]), ""]
        if outcome.classes > LISTED:
            return []
        counted = sorted(
            (right / max(pictures, 1), name, right, pictures)
            for name, (pictures, *_, right) in zip(facts["classes"], outcome.per_class.tolist())
        )
        width = max(8, *(len(name) for _, name, _, _ in counted))
        lines = [
            f"{name:<{width}}  {share:7.2%}  {right:,} of {pictures:,}"
            for share, name, right, pictures in counted
        ]
        return [*lines, ""]

    def _repr_html_(self) -> str:
        """In a notebook: the score and the way to the report."""
        from html import escape

        lines = (escape(line) for line in self.summary().splitlines())
        return f"<pre>{'<br>'.join(lines)}</pre>"
