"""What a training does about memory that runs out, processes that die, and data that change."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import torch

from hubel.data import Data
from hubel.tasks.outcome import Outcome
from hubel.tasks.tagged import Tagged
from hubel.training.fit import Trainer
from hubel.training.loop import Rhythm
from hubel.training.memory import fitting, ran_out
from hubel.training.processes import ALONE, Processes, job, restarts
from hubel.training.progress import Quiet
from hubel.training.recipe import Recipe
from hubel.training.run import Run

JOB = "job.json"
"""Of a run by torchrun: which one, and the numbers of its processes."""

Make = Callable[[Recipe], Trainer]


def settled(recipe: Recipe, make: Make, pictures: int, processes: Processes = ALONE) -> Trainer:
    """The trainer of a recipe; of an automatic batch, as many as fit into memory, and at most a
    quarter of the training pictures.

    The learning rate goes with the batch where it is automatic too.
    """
    if "batch" not in recipe.automatic:
        return make(recipe)
    count, most = processes.count, max(1, pictures // 4)
    batch = max(1, min(recipe.batch, most) // count) * count
    recipe = rebatched(recipe, batch, pictures)
    trainer = make(recipe)
    fits = min(processes.gathered(fitting(trainer)))
    return trainer if fits == batch else make(rebatched(recipe, fits, pictures))


def rebatched(recipe: Recipe, batch: int, pictures: int) -> Recipe:
    """The recipe with another batch: the same epochs, and where it is automatic the learning rate
    in proportion (Goyal et al. 2017, arXiv 1706.02677, section 2.1).
    """
    steps, optimizer = recipe.steps, recipe.optimizer
    if steps and recipe.batch <= pictures:
        steps = max(1, round(steps * (pictures // batch) / (pictures // recipe.batch)))
    if "lr" in recipe.automatic:
        optimizer = {**optimizer, "lr": optimizer["lr"] * batch / recipe.batch}
    return recipe.replace(batch=batch, steps=steps, optimizer=optimizer)


def fit(
    run: Run, trainer: Trainer, make: Make, watching: Quiet, rhythm: Rhythm | None
) -> tuple[Trainer, Outcome | Tagged]:
    """Train to the end. Where memory runs out and the batch was left automatic, go on with half of
    it from the last checkpoint, once: announced, and frozen into the run's recipe.
    """
    recipe = trainer.recipe
    try:
        return trainer, trainer.fit(run, watching, rhythm)
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        may = "batch" in recipe.automatic and recipe.batch > 1 and trainer.processes.count == 1
        if not may:
            tried = f", as it did with {recipe.retried}" if recipe.retried else ""
            raise ValueError(
                f"memory ran out with a batch of {recipe.batch}{tried}; use a smaller one (--batch "
                f"{max(1, recipe.batch // 2)}), smaller pictures (--size) or a smaller network"
            ) from error
    batch = recipe.batch // 2
    automatic = tuple(name for name in recipe.automatic if name != "batch")
    smaller = rebatched(recipe, batch, len(trainer.loader.dataset))
    smaller = smaller.replace(retried=recipe.batch, automatic=automatic)
    smaller.save(run.path / "recipe.yaml")
    watching.say(f"Memory ran out with a batch of {recipe.batch}; going on with {batch}, this once")
    del trainer  # before another takes its place in memory
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return fit(Run(run.path), make(smaller), make, watching, rhythm)


def begun(runs: Path, resume: str | Path | bool) -> Run | None:
    """The run to go on with: the one that is asked for, or that this torchrun began before it
    started its workers anew; None for a new one.
    """
    if resume:
        return Run.latest(runs) if resume is True else Run.open(resume)
    if not restarts():
        return None
    found = [
        file for file in runs.glob(f"*/*/{JOB}") if Run(file.parent).read_json(JOB)["job"] == job()
    ]
    return Run.open(max(found, key=lambda file: file.stat().st_mtime).parent) if found else None


def note_job(run: Run, processes: Processes) -> None:
    """Write down by which torchrun the run is made, and by which processes."""
    numbers = processes.gathered(os.getpid())
    if processes.first and job():
        run.write_json(JOB, {"job": job(), "processes": numbers})


def same_data(run: Run, data: Data | None, processes: Processes) -> None:
    """Write down the data's fingerprint; refuse data that changed since, or that differ between
    processes.
    """
    if data is None:
        return
    if len(set(processes.gathered(data.fingerprint))) > 1:
        rule = "every machine needs the same"
        raise ValueError(f"{data.where}: the processes see different files there; {rule}")
    processes.shared(lambda: _same_data(run, data))


def _same_data(run: Run, data: Data) -> None:
    if not (run.path / "data.json").exists():
        run.write_json("data.json", {"where": data.where, "fingerprint": data.fingerprint})
        return
    if run.read_json("data.json")["fingerprint"] != data.fingerprint:
        raise ValueError(
            f"{data.where}: its files are not those that {run.path} was started with, so the run "
            "cannot be resumed exactly; put them back, or train anew"
        )
