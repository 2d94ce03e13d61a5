"""train: from pictures to a run folder with a report and a bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hubel import recipes
from hubel.data import Data, Finding, Pictures, decode, open_data
from hubel.networks import create, specification
from hubel.pictures import Preprocess
from hubel.runtime.machine import cores
from hubel.runtime.names import bound
from hubel.tasks.classify import Classify
from hubel.tasks.losses import LOSSES, Loss
from hubel.training.fit import Pace, Trainer
from hubel.training.loop import Rhythm, Stopped
from hubel.training.progress import duration, watcher
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.verbs.finish import finish

Own = tuple[Any, Any]
"""A training and a validation set of one's own: map-style, of `Sample`s or (picture, target) pairs.
"""


@dataclass(frozen=True)
class Gathered:
    """The pictures of a run, decoded, and what was left out."""

    train: Any
    val: Any
    classes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    data: Data | None = None

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Pictures per part and class; empty for data sets of one's own."""
        if self.data is None:
            return {}
        return {
            part: dict(
                zip(self.classes, np.bincount(p.targets, minlength=len(self.classes)).tolist())
            )
            for part, p in (("train", self.train), ("val", self.val))
        }


@dataclass(frozen=True)
class Plan:
    """What a training would do: the answer to `dry_run`."""

    recipe: Recipe
    gathered: Gathered
    parameters: int
    pace: Pace
    per_epoch: int

    @property
    def seconds(self) -> float:
        """Expected seconds of the training itself."""
        return self.pace.seconds(self.recipe.steps or 0, self.per_epoch)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        return {
            "recipe": self.recipe.to_dict(),
            "classes": list(self.gathered.classes),
            "pictures": self.gathered.counts,
            "left_out": [dataclasses.asdict(f) for f in self.gathered.findings],
            "parameters": self.parameters,
            "seconds": round(self.seconds, 1),
        }

    def __str__(self) -> str:
        """A few lines for people."""
        recipe, gathered = self.recipe, self.gathered
        split = gathered.data.split if gathered.data else "your own data sets"
        lines = [
            f"Data      {recipe.data or 'your own'}: {len(gathered.train):,} pictures to train on, "
            f"{len(gathered.val):,} to validate on, {len(gathered.classes)} classes ({split})",
            f"Left out  {len(gathered.findings)} pictures",
            f"Network   {recipe.network}: {self.parameters:,} parameters, recipe {recipe.recipe}",
            f"Training  {recipe.steps:,} steps of {recipe.batch} pictures, "
            f"{(recipe.steps or 0) / self.per_epoch:.3g} epochs: about {duration(self.seconds)}",
        ]
        return "\n".join(lines)


def train(
    data: str | Path | Data | Own,
    *,
    network: str | nn.Module | None = None,
    recipe: str | Recipe | None = None,
    words: dict[str, Any] | None = None,
    classes: Sequence[str] | None = None,
    loss: Loss | None = None,
    runs: str | Path = "runs",
    name: str | None = None,
    resume: str | Path | bool = False,
    dry_run: bool = False,
    download: bool = False,
    progress: str = "auto",
    rhythm: Rhythm | None = None,
    **changes: Any,
) -> Run | Plan:
    """Train a classifier on `data` and leave a run folder with recipe, results, checkpoints,
    bundle and report.

    `data`: a folder, file or name that `open_data` understands, or (training set, validation
    set) of your own with `classes`. `network`: a name with `words` of its family, or any module
    whose forward takes (N, channels, H, W) and gives logits. `loss`: any function of (logits,
    targets). `changes`: fields of the recipe (epochs, batch, seed, ...), and `lr` and `size` in
    pixels. `resume`: True for the latest run, or a run's folder; with objects of your own, give
    the same ones again. `dry_run`: a Plan instead of a Run.

    ValueError for what you can mend; Stopped after Ctrl-C or SIGTERM, when everything is saved.
    """
    own = {"network": network if isinstance(network, nn.Module) else None, "loss": loss}
    if resume:
        run = Run.latest(Path(runs)) if resume is True else Run.open(resume)
        if run.finished:
            return run
        gathered = _gather(run.recipe, data, classes, download)
        trainer = _trainer(run.recipe, gathered, own)
    else:
        chosen = _recipe(data, network, recipe, words, download, changes)
        gathered = _gather(chosen, data, classes, download)
        trainer = _trainer(chosen, gathered, own)
        pace = _freeze(trainer, measure=dry_run)
        if pace and dry_run:
            return Plan(trainer.recipe, gathered, trainer.parameters, pace, trainer.loader.steps)
        run = Run.create(Path(runs), trainer.recipe, name)
    if gathered.data is not None:
        _same_data(run, gathered.data)
    try:
        outcome = trainer.fit(run, watcher(progress), rhythm)
    except Stopped:
        raise Stopped(str(run.path)) from None
    finish(run, trainer, outcome, gathered)
    return run


def resume_run(path: str | Path | None, *, runs: str | Path, **options: Any) -> Run:
    """Go on with a run of the command line: the one at `path`, or the latest of `runs`."""
    run = Run.open(path) if path else Run.latest(Path(runs))
    made = train(run.recipe.data, resume=run.path, **options)
    return made if isinstance(made, Run) else run


def _recipe(
    data: Any,
    network: str | nn.Module | None,
    recipe: str | Recipe | None,
    words: dict[str, Any] | None,
    download: bool,
    changes: dict[str, Any],
) -> Recipe:
    """The recipe by name, by network, or by what the pictures look like, with the changes
    applied.
    """
    look = _look(data, changes, download)
    if isinstance(recipe, Recipe):
        chosen = recipe
    else:
        named = network if isinstance(network, str) else ""
        chosen = recipes.load(recipe or recipes.of_network(named) or recipes.default(look))
    if isinstance(network, nn.Module):
        chosen = chosen.replace(network=type(network).__name__, words={})
    elif network and network != chosen.network:
        chosen = _other_network(chosen, network, words or {}, look)
    if words:
        chosen = chosen.replace(words={**chosen.words, **words})
    if isinstance(data, tuple):
        chosen = chosen.replace(preprocess=_own_preprocess(data), canvas=None)
    else:
        where = Path(data.where if isinstance(data, Data) else data)
        chosen = chosen.replace(data=str(where.resolve()) if where.exists() else str(where))
    if "lr" in changes:
        chosen = chosen.replace(optimizer={**chosen.optimizer, "lr": changes.pop("lr")})
    if "size" in changes and chosen.preprocess:
        side = changes.pop("size")
        canvas = round(side * chosen.canvas / chosen.preprocess.size[0]) if chosen.canvas else None
        preprocess = dataclasses.replace(chosen.preprocess, size=(side, side))
        chosen = chosen.replace(preprocess=preprocess, canvas=canvas)
    if changes.get("minutes") is not None:
        changes = {"steps": None, **changes}
    elif "epochs" in changes:
        changes = {"steps": None, "minutes": None, **changes}
    return chosen.replace(**changes)


def _look(data: Any, changes: dict[str, Any], download: bool) -> recipes.Look:
    if isinstance(data, tuple):
        preprocess = _own_preprocess(data)
        return recipes.Look(min(preprocess.size), preprocess.channels == 1)
    opened = _open(data, changes.get("seed", 0), changes.get("val", Recipe.val), download)
    return recipes.look(opened.train)


def _other_network(
    recipe: Recipe, network: str, words: dict[str, Any], look: recipes.Look
) -> Recipe:
    """The recipe around another network: at the pictures' own size where the network allows it,
    up to its own.
    """
    spec = specification(network, **words)
    base = recipe.preprocess or Preprocess((spec.size, spec.size))
    side = min(spec.size, max(look.side, base.input_size[0]))
    if spec.channels == base.channels:
        preprocess = dataclasses.replace(base, size=(side, side), pad=0)
    else:
        preprocess = dataclasses.replace(
            base, size=(side, side), pad=0, channels=spec.channels, mean=(0.5,) * spec.channels,
            std=(0.25,) * spec.channels,
        )  # fmt: skip
    canvas = side * 5 // 4 if recipe.canvas else None
    return recipe.replace(network=network, words=words, preprocess=preprocess, canvas=canvas)


def _own_preprocess(data: Own) -> Preprocess:
    """For data sets of one's own: their pictures as they are, scaled to about -2..2."""
    from hubel.data.loader import as_sample

    height, width, channels = as_sample(data[0][0], 0).picture.shape
    middle, spread = (0.5,) * channels, (0.25,) * channels
    return Preprocess((height, width), channels=channels, mean=middle, std=spread)


def _open(data: Any, seed: int, val: float, download: bool) -> Data:
    if isinstance(data, Data):
        return data
    return open_data(data, seed=seed, val=val, download=download)


def _gather(recipe: Recipe, data: Any, classes: Sequence[str] | None, download: bool) -> Gathered:
    """Open and decode. The canvas is for training; validation sees exactly what prediction will."""
    if isinstance(data, tuple):
        if not classes:
            raise ValueError("data sets of your own need `classes`, the list of their class names")
        return Gathered(*data, classes=tuple(classes))
    opened = _open(data, recipe.seed, recipe.val, download)
    if recipe.preprocess is None:
        raise ValueError(f"the recipe {recipe.recipe or recipe.network} has no preprocess")
    canvas = (recipe.canvas, recipe.canvas) if recipe.canvas else None
    pictures: list[Pictures] = []
    findings = list(opened.findings)
    for source, size in ((opened.train, canvas), (opened.val, None)):
        made, bad = decode(source, recipe.preprocess, canvas=size)
        pictures.append(made)
        findings += bad
    return Gathered(*pictures, classes=opened.classes, findings=tuple(findings), data=opened)


def _trainer(recipe: Recipe, gathered: Gathered, own: dict[str, Any]) -> Trainer:
    """The network under the recipe's seed, and all that trains it."""
    assert recipe.preprocess is not None
    task = Classify(
        gathered.classes,
        recipe.preprocess,
        own["loss"] or bound("loss", LOSSES, recipe.loss),
    )
    network = own["network"]
    if network is None:
        torch.manual_seed(recipe.seed)
        network = create(
            recipe.network,
            classes=len(gathered.classes),
            channels=recipe.preprocess.channels,
            **recipe.words,
        )
    return Trainer(recipe, task, network, gathered.train, gathered.val)


def _freeze(trainer: Trainer, *, measure: bool) -> Pace | None:
    """Decide what was left open, once: threads, device, and the steps that fit into the minutes."""
    recipe, pace = trainer.recipe, None
    threads = recipe.threads or cores()
    torch.set_num_threads(threads)
    budget = recipe.minutes is not None and recipe.steps is None
    if budget or measure:
        pace = trainer.pace()
    steps = trainer.steps
    if budget and pace and recipe.minutes:
        steps = pace.steps(recipe.minutes * 60 * 0.95, trainer.loader.steps)
    device = str(trainer.device)
    trainer.recipe = recipe.replace(threads=threads, steps=steps, device=device)
    return pace


def _same_data(run: Run, data: Data) -> None:
    """Write down the data's fingerprint, or refuse a resumption on pictures that changed."""
    if not (run.path / "data.json").exists():
        run.write_json("data.json", {"where": data.where, "fingerprint": data.fingerprint})
        return
    if run.read_json("data.json")["fingerprint"] != data.fingerprint:
        raise ValueError(
            f"{data.where}: its files are not those that {run.path} was started with, so the run "
            "cannot be resumed exactly; put them back, or train anew"
        )
