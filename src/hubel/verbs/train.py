"""train: from pictures to a run folder with a report and a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hubel.data import Data
from hubel.networks import create
from hubel.runtime.bundle import WEIGHTS
from hubel.runtime.names import bound
from hubel.tasks.classify import Classify
from hubel.tasks.losses import LOSSES, Loss
from hubel.training.board import Board, require_tensorboard
from hubel.training.checkpoint import seed_generators
from hubel.training.fit import Pace, Trainer
from hubel.training.loop import Rhythm, Stopped
from hubel.training.progress import Quiet, duration, watcher
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.verbs.choose import choose
from hubel.verbs.finish import finish, time_spent
from hubel.verbs.gather import Gathered, Own, gather
from hubel.weights import load

SPENT_TRAINING = 0.95
"""Share of the minutes for steps and validation; the rest is for bundle and report."""


@dataclass(frozen=True)
class Plan:
    """What a training would do."""

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
            "left_out": [asdict(f) for f in self.gathered.findings],
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
    data: str | Path | Data | Own | None = None,
    *,
    network: str | nn.Module | None = None,
    recipe: str | Recipe | None = None,
    words: dict[str, Any] | None = None,
    classes: Sequence[str] | None = None,
    loss: Loss | None = None,
    runs: str | Path = "runs",
    name: str | None = None,
    resume: str | Path | bool = False,
    download: bool = False,
    progress: str = "auto",
    rhythm: Rhythm | None = None,
    tensorboard: bool = False,
    **changes: Any,
) -> Run:
    """Train a classifier and leave a run folder: recipe, results, checkpoints, bundle, report.

    `data`: a folder, file or name that `open_data` understands, or (training set, validation
    set) of your own with `classes`; None where `recipe` or the run names it. `network`: a name
    with `words` of its family, or any module whose forward takes (N, channels, H, W) and gives
    logits (N, classes). `loss`: any function of (logits, targets). `changes`: fields of the recipe
    (epochs, batch, seed, ...), and `lr` and `size` in pixels; `labels`: a table of corrected labels
    such as errors.csv, or {picture: class}. `resume`: True for the latest run, or
    a run's folder; with objects of your own, give the same ones again. `tensorboard`: write event
    files into the run folder, too.

    ValueError for what you can mend; Stopped after Ctrl-C or SIGTERM, when everything is saved.
    """
    module = network if isinstance(network, nn.Module) else None
    watching = watcher(progress)
    if tensorboard:
        require_tensorboard()
    if resume:
        run = Run.latest(Path(runs)) if resume is True else Run.open(resume)
        if run.finished:
            return run
        named = run.recipe.data if data is None else data
        gathered = gather(run.recipe, named, classes, download, watching.say)
        trainer = _trainer(run.recipe, gathered, module, loss)
    else:
        chosen = choose(data, network, recipe, words, download, changes)
        named = chosen.data if data is None else data
        gathered = gather(chosen, named, classes, download, watching.say)
        trainer = _trainer(chosen, gathered, module, loss)
        _freeze(trainer)
        run = Run.create(Path(runs), trainer.recipe, name)
    if gathered.data is not None:
        _same_data(run, gathered.data)
    _announce(watching, run, trainer, gathered)
    if tensorboard or Board.used(run.path):
        watching = Board(run.path, watching)
    try:
        outcome = trainer.fit(run, watching, rhythm)
    except Stopped:
        raise Stopped(str(run.path)) from None
    watching.say(f"Time: {time_spent(trainer)}")
    finish(run, trainer, outcome, gathered)
    return run


def plan(
    data: str | Path | Data | None = None,
    *,
    network: str | None = None,
    recipe: str | Recipe | None = None,
    words: dict[str, Any] | None = None,
    download: bool = False,
    **changes: Any,
) -> Plan:
    """What `train` would do with the same arguments: split, network, expected minutes.

    The pictures are decoded and a few steps are measured; nothing is written but the cache.
    """
    chosen = choose(data, network, recipe, words, download, changes)
    gathered = gather(chosen, chosen.data if data is None else data, None, download)
    trainer = _trainer(chosen, gathered, None, None)
    pace = trainer.pace()
    _freeze(trainer, pace)
    return Plan(trainer.recipe, gathered, trainer.parameters, pace, trainer.loader.steps)


def _announce(watching: Quiet, run: Run, trainer: Trainer, gathered: Gathered) -> None:
    """Before the first step: what is trained on what, and what was left out."""
    recipe = trainer.recipe
    watching.say(
        f"{recipe.network}, {trainer.parameters:,} parameters: {trainer.steps:,} steps of "
        f"{recipe.batch} from {len(gathered.train):,} pictures, {len(gathered.val):,} to validate "
        f"on, into {run.path}"
    )
    for note in gathered.notes:
        watching.say(note)
    if gathered.findings:
        first = gathered.findings[0]
        watching.say(
            f"{len(gathered.findings)} pictures were left out; the report lists them. "
            f"The first: {first.name}: {first.message}"
        )


def _trainer(
    recipe: Recipe, gathered: Gathered, module: nn.Module | None, loss: Loss | None
) -> Trainer:
    """The network under the recipe's seed, or one's own, and all that trains it."""
    task = Classify(gathered.classes, recipe.seen, loss or bound("loss", LOSSES, recipe.loss))
    if module is None:
        seed_generators(recipe.seed)
        count, channels = len(gathered.classes), recipe.seen.channels
        module = create(recipe.network, classes=count, channels=channels, **recipe.words)
    if recipe.weights:
        load(module, weights_file(Path(recipe.weights)))
    return Trainer(recipe, task, module, gathered.train, gathered.val)


def weights_file(path: Path) -> Path:
    """The file of weights in a run folder or a bundle, or the file itself."""
    inside = (path / "bundle" / WEIGHTS, path / WEIGHTS)
    return next((file for file in inside if file.is_file()), path)


def _freeze(trainer: Trainer, pace: Pace | None = None) -> None:
    """Decide what was left open, once: threads, device, workers, and the steps that fit into the
    minutes.
    """
    recipe, steps = trainer.recipe, trainer.steps
    if recipe.minutes is not None and recipe.steps is None:
        pace = pace or trainer.pace()
        steps = pace.steps(recipe.minutes * 60 * SPENT_TRAINING, trainer.loader.steps)
    trainer.recipe = recipe.replace(
        threads=torch.get_num_threads(),
        steps=steps,
        device=str(trainer.device),
        workers=trainer.loader.workers,
    )


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
