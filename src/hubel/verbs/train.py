"""train: from pictures to a run folder with a report and a bundle."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hubel.data import Data
from hubel.runtime.bundle import Bundle
from hubel.runtime.names import bound
from hubel.tasks.catalogue import OF_CLASSES, TASKS
from hubel.tasks.classify import Classify
from hubel.tasks.losses import LOSSES, Loss, class_weights
from hubel.tasks.tags import Tags
from hubel.tasks.task import Task
from hubel.training.board import Board, require_tensorboard
from hubel.training.checkpoint import seed_generators
from hubel.training.fit import Trainer
from hubel.training.folds import Folds
from hubel.training.loop import Rhythm, Stopped
from hubel.training.pace import Pace, measure
from hubel.training.processes import ALONE, Processes, together
from hubel.training.progress import Quiet, duration, watcher
from hubel.training.recipe import Recipe, Words
from hubel.training.run import Run
from hubel.verbs.choose import choose
from hubel.verbs.finish import finish, finish_folds, time_spent
from hubel.verbs.gather import Gathered, Own, gather
from hubel.verbs.origin import weights_file
from hubel.verbs.robust import begun, fit, note_job, same_data, settled
from hubel.weights import load
from hubel.weights.download import place
from hubel.weights.rows import meant

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
    told: tuple[str, ...] = ()
    """What of the network learns, where it is not all of it alike."""

    @property
    def seconds(self) -> float:
        """Expected seconds of the training itself, of all folds where there are several."""
        folds = self.recipe.folds if self.recipe.folds and not self.recipe.fold else 1
        return folds * self.pace.seconds(self.recipe.steps or 0, self.per_epoch)

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
            *(f"Transfer  {sentence}" for sentence in self.told),
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
    loss: Loss | Words | None = None,
    runs: str | Path = "runs",
    name: str | None = None,
    resume: str | Path | bool = False,
    download: bool = False,
    progress: str = "auto",
    rhythm: Rhythm | None = None,
    tensorboard: bool = False,
    **changes: Any,
) -> Run:
    """Train on pictures and leave a run folder: recipe, results, checkpoints, bundle, report.

    `data`: a folder, file or name that `open_data` understands, or (training set, validation
    set) of your own with `classes`; None where `recipe` or the run names it. `network`: a name
    with `words` of its family, or any module whose forward takes (N, channels, H, W) and gives
    logits (N, classes). `loss`: any function of (logits, targets), or {"name": "focal", ...}.
    `changes`: fields of the recipe (epochs, batch, seed, ...), and `lr`, `size` in pixels,
    `without` (names of practices to leave out, such as ("average", "mirror")), `quick` (a small
    version) and `labels` (a table of corrected labels such as errors.csv, or {picture: class}).
    `resume`: True for the latest run, or a run's folder; with objects of your own, give the same
    ones again. `tensorboard`: write event files into the run folder, too.

    ValueError for what you can mend; Stopped after Ctrl-C or SIGTERM, when everything is saved.
    """
    if isinstance(loss, Mapping):
        changes, loss = {**changes, "loss": loss}, None
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ValueError(
            "a loader process imports the script that started it, and this one would train there "
            "again; put what it does under `if __name__ == '__main__':`"
        )
    if tensorboard:
        require_tensorboard()
    with together() as processes:
        module = network if isinstance(network, nn.Module) else None
        watching = watcher(progress if processes.first else "quiet")
        run = processes.shared(lambda: begun(Path(runs), resume))
        run = Folds(run.path) if run and run.recipe.folds and not run.recipe.fold else run
        if run:
            chosen, through = processes.shared(partial(_stands, run))
            if through:
                return run
        else:
            chosen = choose(data, network, recipe, words, download, changes)
        if chosen.folds and not chosen.fold:
            rest = {
                "download": download, "progress": progress, "rhythm": rhythm,
                "tensorboard": tensorboard,
            }  # fmt: skip
            return _in_folds(chosen, run, data, module, loss, Path(runs), name, processes, rest)
        named = chosen.data if data is None else data
        gathered = processes.in_turn(lambda: gather(chosen, named, classes, download, watching.say))

        def make(recipe: Recipe) -> Trainer:
            return trainer_for(recipe, gathered, module, loss, processes, watching.say)

        if run:
            trainer = make(chosen)
        else:
            suited = _suited(chosen, gathered, changes.get("loss"))
            trainer = settled(suited, make, len(gathered.train), processes)
            for sentence in _tuned(trainer):
                watching.say(sentence)
            _freeze(trainer)
            run = processes.shared(lambda: Run.create(Path(runs), trainer.recipe, name))
        same_data(run, gathered.data, processes)
        note_job(run, processes)
        _announce(watching, run, trainer, gathered)
        if processes.first and (tensorboard or Board.used(run.path)):
            watching = Board(run.path, watching)
        try:
            trainer, outcome = fit(run, trainer, make, watching, rhythm)
        except Stopped:
            raise Stopped(str(run.path)) from None
        watching.say(f"Time: {time_spent(trainer)}")
        processes.shared(lambda: finish(run, trainer, outcome, gathered))
        return run


def _stands(run: Run) -> tuple[Recipe, bool]:
    """The recipe of a run that was begun, and whether it is finished."""
    return run.recipe, run.finished


def _in_folds(
    recipe: Recipe,
    run: Run | None,
    data: Any,
    module: nn.Module | None,
    loss: Loss | None,
    runs: Path,
    name: str | None,
    processes: Processes,
    rest: dict[str, Any],
) -> Folds:
    """A run for each fold, those that are through left as they are."""
    if module is not None:
        raise ValueError("folds start with fresh weights each; name a network, or mypackage:build")
    made = processes.shared(lambda: run or Run.create(runs, recipe, name))
    folds, count = Folds(made.path), recipe.folds or 1
    note_job(folds, processes)
    minutes = recipe.minutes and recipe.minutes / count
    for fold in range(1, count + 1):
        path = folds.path / f"fold-{fold}"
        begun = processes.shared((path / "recipe.yaml").exists)
        part = recipe.replace(fold=fold, minutes=minutes)
        start: dict[str, Any] = {"recipe": part, "runs": folds.path, "name": path.name}
        try:
            train(data, loss=loss, **({"resume": path} if begun else start), **rest)
        except Stopped:
            raise Stopped(str(folds.path)) from None
    processes.shared(lambda: finish_folds(folds))
    return folds


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
    pictures = len(gathered.train)
    suited = _suited(chosen, gathered, changes.get("loss"))
    trainer = settled(suited, lambda recipe: trainer_for(recipe, gathered, None, None), pictures)
    pace = measure(trainer)
    _freeze(trainer, pace)
    steps, told = trainer.loader.steps, tuple(trainer.told())
    return Plan(trainer.recipe, gathered, trainer.parameters, pace, steps, told)


def _announce(watching: Quiet, run: Run, trainer: Trainer, gathered: Gathered) -> None:
    """Before the first step: what is trained on what, and what was left out."""
    recipe = trainer.recipe
    watching.say(
        f"{recipe.network}, {trainer.parameters:,} parameters: {trainer.steps:,} steps of "
        f"{recipe.batch} from {len(gathered.train):,} pictures, {len(gathered.val):,} to validate "
        f"on, into {run.path}"
    )
    for note in (*trainer.told(), *gathered.notes):
        watching.say(note)
    if gathered.findings:
        first = gathered.findings[0]
        watching.say(
            f"{len(gathered.findings)} pictures were left out; the report lists them. "
            f"The first: {first.name}: {first.message}"
        )


def trainer_for(
    recipe: Recipe,
    gathered: Gathered,
    module: nn.Module | None,
    loss: Loss | None,
    processes: Processes = ALONE,
    say: Callable[[str], None] = lambda text: None,
) -> Trainer:
    """The network under the recipe's seed, or one's own, and all that trains it."""
    kind = TASKS[recipe.task]
    if issubclass(kind, Classify):
        task: Task = kind(gathered.classes, recipe.seen, loss or bound("loss", LOSSES, recipe.loss))
    else:
        task = kind(gathered.classes, recipe.seen, head=recipe.head)
    if module is None:
        seed_generators(recipe.seed)
        module = task.network(recipe.network, **recipe.words)
    same = _task_of(recipe.weights) == recipe.task  # then they have its head, too
    whole = task.around(module) if same else module
    if recipe.weights:
        row = meant(recipe.weights)
        if row is not None and not place(row).is_file():
            say(f"Fetching {row.file} of {row.source} ({row.licence}) into {place(row).parent}")
        report = processes.in_turn(lambda: load(whole, weights_file(recipe.weights)))
        say(f"Weights {recipe.weights}: {report}")
    network = whole if same else task.around(module)
    return Trainer(recipe, task, network, gathered.train, gathered.val, processes)


def _task_of(weights: str) -> str | None:
    """The task of the run or bundle that weights come from."""
    there = weights and meant(weights) is None and Path(weights).is_dir()
    return Bundle.open(Path(weights)).task if there else None


def _suited(recipe: Recipe, gathered: Gathered, asked: Words | None) -> Recipe:
    """The recipe for what the data are: its task, a loss that fits it, and the weights of the
    classes as numbers, from their names or counts. A loss that was `asked` for is not replaced.
    """
    if recipe.task not in OF_CLASSES:
        return recipe
    several = gathered.several
    recipe = recipe.replace(task=Tags.name if several else Classify.name)
    if several and recipe.loss["name"] != "binary":
        if asked:
            raise ValueError(
                f"loss={asked['name']} is for one class a picture, and these have any number; "
                "use binary"
            )
        recipe = recipe.replace(loss={"name": "binary"})
    given = recipe.loss.get("weights")
    if given is None:
        return recipe
    pictures = len(gathered.train) if several else None
    weights = class_weights(given, gathered.classes, gathered.counted, pictures)
    return recipe.replace(loss={**recipe.loss, "weights": weights})


def _tuned(trainer: Trainer) -> tuple[str, ...]:
    """Settle how a step is computed, where the recipe asks for it; what was found, in sentences."""
    if not trainer.recipe.tune:
        return ()
    if trainer.processes.count > 1:
        return (
            "tuning measures one process and is left out: tune a run of one, and give what its "
            "recipe.yaml says (precision, layout, compile) to several",
        )
    return trainer.tune().said


def _freeze(trainer: Trainer, pace: Pace | None = None) -> None:
    """Decide what was left open, once: words, threads, device, workers, processes, and the steps
    that fit into the minutes.
    """
    recipe, steps, processes = trainer.recipe, trainer.steps, trainer.processes
    if recipe.minutes is not None and recipe.steps is None:
        pace = pace or measure(trainer)
        steps = pace.steps(recipe.minutes * 60 * SPENT_TRAINING, trainer.loader.steps)
    several = processes.count > 1  # each has the GPU of its own number
    device = trainer.device.type if several else str(trainer.device)
    network = getattr(trainer.network, "backbone", trainer.network)
    words, spec = recipe.words, getattr(network, "spec", None)
    if spec is not None and spec.name == recipe.network:
        words = dict(spec.words)  # with those that came with the weights
    frozen = recipe.replace(
        words=words,
        threads=torch.get_num_threads(),
        steps=steps,
        device=device,
        processes=processes.count,
        workers=trainer.pictures.workers,
    )
    trainer.recipe = processes.shared(lambda: frozen)
