"""From a recipe, pictures and a network to a trained network: builds the fold and runs it."""

from __future__ import annotations

import contextlib
import copy
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from hubel.data import Loader
from hubel.runtime.machine import cores
from hubel.runtime.names import bound
from hubel.tasks.classify import Classify
from hubel.tasks.outcome import Outcome
from hubel.training import checkpoint, loop
from hubel.training.device import device, keep_memory
from hubel.training.mixing import MIXES, Mix
from hubel.training.optimizers import OPTIMIZERS, groups
from hubel.training.processes import ALONE, Agree, Processes, local_count, local_rank
from hubel.training.progress import Quiet
from hubel.training.recipe import Recipe
from hubel.training.record import Record, Unwritten
from hubel.training.run import Run
from hubel.training.schedules import SCHEDULES
from hubel.training.shared_norm import part_norms, share_norms
from hubel.training.steps import Average, Clip, Gradients, Rate, State, Step, Update


@dataclass(frozen=True)
class Pace:
    """Measured seconds of one training step and of one validation."""

    step: float
    validation: float

    def seconds(self, steps: int, per_epoch: int) -> float:
        """Expected seconds of a run."""
        return steps * self.step + -(-steps // per_epoch) * self.validation

    def steps(self, seconds: float, per_epoch: int) -> int:
        """How many steps fit, at least one: a validation after each epoch and at the end is
        taken off.
        """
        epochs = seconds / (per_epoch * self.step + self.validation)
        if epochs < 1:
            return max(1, int((seconds - self.validation) / self.step))
        return int(epochs * per_epoch)


class Trainer:
    """A recipe with its pictures, task and network, ready to run.

    `train` and `val` are `Pictures`, or any map-style dataset of `Sample`s or (picture, target)
    pairs. The network must have been built already; building it under
    `torch.manual_seed(recipe.seed)` is the caller's part.
    """

    def __init__(
        self,
        recipe: Recipe,
        task: Classify,
        network: nn.Module,
        train: Any,
        val: Any,
        processes: Processes = ALONE,
    ) -> None:
        keep_memory()
        torch.set_num_threads(recipe.threads or max(1, cores() // local_count()))
        self.recipe, self.task, self.val, self.processes = recipe, task, val, processes
        several = processes.count > 1
        if recipe.processes not in (None, processes.count):
            raise ValueError(
                f"the recipe is for {recipe.processes} processes, here are {processes.count}, "
                "which would train to other bits; start it with: torchrun --nproc-per-node "
                f"{recipe.processes} -m hubel train ..."
            )
        self.device = device(recipe.device, local_rank() if several else None)
        self.format = FORMATS[recipe.layout]
        self.model = task.model(network).to(self.device)
        self.model.to(memory_format=self.format)  # type: ignore[call-overload]
        if several and recipe.sync_norm:
            share_norms(self.model)
        if len(train) < recipe.batch:
            raise ValueError(
                f"a batch of {recipe.batch} from {len(train)} training pictures: ragged batches "
                "are dropped, so nothing would be trained; "
                f"use --batch {max(1, len(train) // 4)} or less"
            )
        self._spent: dict[str, float] = {}
        shared: dict[str, Any] = {"seed": recipe.seed, "share": (processes.rank, processes.count)}
        self.loader = Loader(
            train, batch=recipe.batch, augment=recipe.augment, workers=recipe.workers, **shared
        )
        val_batch = recipe.batch if recipe.retried else 250
        self.val_loader = Loader(val, batch=val_batch, shuffle=False, drop_last=False, **shared)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.recipe.steps or max(1, round(self.recipe.epochs * self.loader.steps))

    @property
    def parameters(self) -> int:
        """Parameters of the network."""
        return sum(p.numel() for p in self.model.parameters())

    def state(self, model: nn.Module) -> State:
        """The fold of the recipe around a model."""
        recipe = self.recipe
        optimizer = bound("optimizer", OPTIMIZERS, recipe.optimizer)(
            groups(model, decay=recipe.decay, decay_all=recipe.decay_all, rules=recipe.rules)
        )
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"] * group["rate"]
        frozen = [m for m in model.modules() if isinstance(m, _BatchNorm) and not _trained(m)]
        rate = Rate(bound("schedule", SCHEDULES, recipe.schedule))
        precision = PRECISIONS[recipe.precision]
        gradients = Gradients(self.task.objective, self.format, recipe.parts, precision, frozen)
        steps: list[Step] = [rate, *self.mixing(), gradients]
        if self.processes.count > 1:
            steps.append(Agree(self.processes))
        if recipe.clip:
            steps.append(Clip(recipe.clip))
        steps.append(Update())
        if recipe.average:
            steps.append(Average(model, recipe.average))
        wide = torch.float32 if self.device.type == "mps" else torch.float64
        return State(
            model,
            optimizer,
            tuple(steps),
            total=self.steps,
            batch=recipe.batch,
            per_epoch=self.loader.steps,
            summed=torch.zeros((), dtype=wide, device=self.device),
        )

    def mixing(self) -> tuple[Mix, ...]:
        """The element that mixes pictures, where the recipe has one."""
        if self.recipe.mix is None:
            return ()
        way = bound("mix", MIXES, self.recipe.mix)
        return (Mix(way, len(self.task.classes), self.recipe.seed),)

    def pace(self, seconds: float = 2.0) -> Pace:
        """Measure a step and a validation on a copy, for about `seconds` each; nothing of
        the run is changed.
        """
        kept = checkpoint.generators()
        state = self.state(copy.deepcopy(self.model))
        times: list[float] = []
        for batch in self.loader.epoch(0):
            began = time.perf_counter()
            for step in state.steps:
                step(state, batch)
            float(state.loss)
            times.append(time.perf_counter() - began)
            enough = sum(times) > seconds and len(times) > 3
            if self.processes.any(enough)[0]:
                break
        augmenting = sum(self.loader.seconds.values()) / len(times)
        began, pictures = time.perf_counter(), 0
        state.model.eval()
        with torch.no_grad():
            for batch in self.val_loader.epoch(0):
                state.model(batch.pictures.to(self.device))
                pictures += len(batch.targets)
                if time.perf_counter() - began > seconds / 2:
                    break
        here = len(self.val) / self.processes.count
        validation = (time.perf_counter() - began) * here / max(1, pictures)
        self.loader.seconds = dict.fromkeys(self.loader.seconds, 0.0)
        checkpoint.set_generators(kept)
        return Pace(statistics.median(times[1:] or times) + augmenting, validation)

    def fit(self, run: Run, watcher: Quiet, rhythm: loop.Rhythm | None = None) -> Outcome:
        """Train to the end, from the last checkpoint where there is one; the answers of the
        last weights.

        Raises `loop.Stopped` after SIGINT or SIGTERM, when everything is saved.
        """
        recipe, processes = self.recipe, self.processes
        processes.alike(self.model)
        state = self.state(self.model)
        record = Record(run.path) if processes.first else Unwritten()
        saved = (run.checkpoints / name for name in ("last.pt", "good.pt"))
        last = processes.shared(lambda: next((path for path in saved if path.exists()), None))
        if last:
            checkpoint.restore(last, state, record, processes)
        else:
            record.start()
            if recipe.retried:
                record.line(event="memory ran out", step=0, batch=recipe.retried, next=recipe.batch)
            # For dropout, which differs between processes; the weights are drawn.
            checkpoint.seed_generators(recipe.seed * processes.count + processes.rank)

        def validate(model: nn.Module) -> dict[str, float]:
            return self.evaluate(model)[1]

        with interruptions() as stop:
            try:
                loop.run(
                    state,
                    self.loader,
                    validate=validate,
                    better=self.task.better,
                    record=record,
                    folder=run.checkpoints,
                    watcher=watcher,
                    stop=stop,
                    rhythm=rhythm or loop.Rhythm(),
                    limits=self.limits,
                    processes=processes,
                )
            finally:
                watcher.close()
        self.model, self._spent = state.scored, state.spent
        outcome = self.evaluate(self.model)[0]
        for model in (state.model, self.model):
            part_norms(model)
        return outcome

    @property
    def limits(self) -> loop.Limits:
        """What the recipe says about losses that are no numbers, and about patience."""
        recipe = self.recipe
        roll_back = recipe.nan == "rollback"
        return loop.Limits(
            keep=roll_back or "batch" in recipe.automatic,
            roll_back=roll_back,
            halve="lr" in recipe.automatic,
            patience=recipe.patience,
        )

    def evaluate(self, model: nn.Module) -> tuple[Outcome, dict[str, float]]:
        """Answers and scores on the validation pictures, of which each process takes its share."""
        gather = self.processes.gathered
        return self.task.evaluate(model, self.val_loader, self.names(), gather)

    @property
    def network(self) -> nn.Module:
        """The network without its normalization; after `fit` the one that is scored and shipped."""
        return self.model.get_submodule("network")

    def spent(self) -> dict[str, float]:
        """Seconds of the run in read, augment, compute and validate; waiting is split as
        the loader measured it.
        """
        load, measured = self._spent.get("load", 0.0), self.loader.seconds
        total = sum(measured.values()) or 1.0
        shares = {part: load * seconds / total for part, seconds in measured.items()}
        return shares | {part: self._spent.get(part, 0.0) for part in ("compute", "validate")}

    def names(self) -> tuple[str, ...]:
        """The names of the validation pictures, or their numbers."""
        known = getattr(self.val, "names", None)
        return tuple(known) if known is not None else tuple(str(i) for i in range(len(self.val)))


def _trained(module: nn.Module) -> bool:
    """Whether it has parameters and they are trained; a norm without any keeps its own ways."""
    return all(p.requires_grad for p in module.parameters())


PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}
FORMATS = {"channels-last": torch.channels_last, "channels-first": torch.contiguous_format}


@contextlib.contextmanager
def interruptions() -> Iterator[Callable[[], bool]]:
    """A question that turns true when the process is asked to stop (Ctrl-C, SIGTERM).

    A second Ctrl-C interrupts at once. Outside the main thread, where signals cannot be taken,
    it stays false.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
