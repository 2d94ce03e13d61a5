"""From a recipe, pictures and a network to a trained network: builds the fold and runs it."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn

from hubel.data import Loader
from hubel.data.kept import Files, Ragged
from hubel.runtime.machine import cores, keep_memory
from hubel.runtime.names import bound
from hubel.tasks.catalogue import OF_CLASSES
from hubel.tasks.task import Task
from hubel.training import checkpoint, loop
from hubel.training.device import device
from hubel.training.features import Features, tail
from hubel.training.mixing import MIXES, Mix
from hubel.training.optimizers import OPTIMIZERS, freeze, groups
from hubel.training.pace import measure
from hubel.training.processes import ALONE, Agree, Processes, local_count, local_rank
from hubel.training.progress import Quiet
from hubel.training.recipe import Recipe
from hubel.training.record import Record, Unwritten
from hubel.training.run import Run
from hubel.training.schedules import SCHEDULES
from hubel.training.shared_norm import part_norms, share_norms
from hubel.training.sides import Sides, check_sides, work
from hubel.training.steps import (
    Average,
    Clip,
    Gradients,
    Rate,
    ScaledUpdate,
    State,
    Step,
    Update,
)  # fmt: skip
from hubel.training.stop import interruptions
from hubel.training.transfer import Thaw, body_of, rules, told
from hubel.training.tune import AGREEING, Tuned, tune
from hubel.training.whiten import COUNT, whiten


class Trainer:
    """A recipe with its pictures, task and network, ready to run.

    `train` and `val` are `Pictures`, or any map-style dataset of `Sample`s or (picture, target)
    pairs. The network must have been built already; building it under
    `torch.manual_seed(recipe.seed)` is the caller's part.
    """

    def __init__(
        self,
        recipe: Recipe,
        task: Task,
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
        self.model = task.model(network).to(self.device)
        if recipe.precision == "fp16" and self.device.type != "cuda":
            raise ValueError(
                f"precision='fp16' on {self.device.type}: it needs an NVIDIA GPU; use bf16"
            )
        _fits(recipe, task)
        check_sides(network, recipe.sizes, task.preprocess.channels)
        if several and recipe.sync_norm:
            share_norms(self.model)
        if len(train) < recipe.batch:
            raise ValueError(
                f"a batch of {recipe.batch} from {len(train)} training pictures: ragged batches "
                "are dropped, so nothing would be trained; "
                f"use --batch {max(1, len(train) // 4)} or less"
            )
        self._spent: dict[str, float] = {}
        self.rules = (*rules(network, recipe.thaw, recipe.layerwise), *recipe.rules)
        freeze(self.model, self.rules)
        gpu = self.device.type != "cpu"
        workers = recipe.workers
        if workers is None:
            workers = min(8, cores() - 1) if gpu and _decodes(train) else 0
        shared: dict[str, Any] = {
            "seed": recipe.seed,
            "share": (processes.rank, processes.count),
            "ahead": gpu
            or torch.get_num_threads() < cores(),  # else it would take the network's time
            "pin": self.device.type == "cuda",
        }
        drawn: dict[str, Any] = {
            "batch": recipe.batch, "augment": recipe.augment, "views": recipe.views,
            "workers": workers,
        }  # fmt: skip
        plain: dict[str, Any] = {"shuffle": False, "drop_last": False}
        self.pictures = Loader(train, **shared, **drawn)
        """What the network gets to see."""
        self.loader: Loader = self.pictures
        """What the training reads: pictures, or what the frozen body made of them."""
        if recipe.whiten:  # the same in every process
            some = Loader(train, batch=min(COUNT, len(train)), seed=recipe.seed)
            whiten(self.model, next(iter(some.epoch(0))).pictures)
        val_batch = min(recipe.batch if recipe.retried else 250, getattr(val, "most", 250))
        also = workers if isinstance(getattr(val, "arrays", None), Files) else 0
        self.val_loader = Loader(val, batch=val_batch, workers=also, **plain, **shared)
        head = tail(self.model) if not several else None
        if head and (recipe.views or not recipe.augment) and recipe.mix is None:
            self.model = head
            words: dict[str, Any] = {"precision": PRECISIONS[recipe.precision]}
            every = Loader(train, **shared, **drawn, **plain)
            views = recipe.views or 1
            self.loader = Features(head, every, batch=recipe.batch, views=views, **words)
            self.val_loader = Features(head, self.val_loader, batch=val_batch, **plain, **words)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.recipe.steps or max(1, round(self.recipe.epochs * self.loader.steps))

    @property
    def parameters(self) -> int:
        """Parameters of the network."""
        return sum(p.numel() for p in self.model.parameters())

    def told(self) -> list[str]:
        """What of the network learns, in sentences; none where it is all of it alike."""
        recipe, kept = self.recipe, isinstance(self.loader, Features)
        return told(self.network, recipe.thaw, recipe.layerwise, self.steps, kept)

    def state(self, model: nn.Module, recipe: Recipe | None = None) -> State:
        """The fold of the recipe, or of a variant of it, around a model."""
        recipe = recipe or self.recipe
        kept = isinstance(self.loader, Features)  # vectors have no layout
        layout = torch.contiguous_format if kept else FORMATS[recipe.layout]
        model.to(memory_format=layout)  # type: ignore[call-overload]
        optimizer = bound("optimizer", OPTIMIZERS, recipe.optimizer)(
            groups(model, decay=recipe.decay, decay_all=recipe.decay_all, rules=self.rules)
        )
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"] * group["rate"]
        rate = Rate(bound("schedule", SCHEDULES, recipe.schedule))
        precision = PRECISIONS[recipe.precision]
        objective: Any = self.task.objective
        if recipe.compile:
            objective = torch.compile(objective, dynamic=False)
        scaler = torch.amp.GradScaler() if recipe.precision == "fp16" else None
        gradients = Gradients(objective, layout, recipe.parts, precision, recipe.recompute)
        steps: list[Step] = [rate, *self.mixing(), gradients]
        if self.processes.count > 1:
            steps.append(Agree(self.processes))
        if 0 < recipe.thaw < 1:
            steps.insert(0, Thaw(body_of(model), recipe.thaw))
        if recipe.sizes:
            steps.insert(0, Sides(recipe.sizes))
        if scaler:
            gradients.scale = scaler.scale
        if recipe.clip:
            steps.append(Clip(recipe.clip, scaler))
        steps.append(ScaledUpdate(scaler) if scaler else Update())
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

    def tune(self) -> Tuned:
        """Measure layouts, precisions and compilation, and go on with the fastest that agrees."""
        epochs = (self.loader.epoch(e) for e in itertools.count())
        batches = list(itertools.islice(itertools.chain.from_iterable(epochs), AGREEING))
        steps = self.steps
        if self.recipe.minutes is not None and self.recipe.steps is None:
            step = measure(self, seconds=1.0).step
            steps = round(self.recipe.minutes * 60 / step)
        steps = round(steps * work(self.recipe.sizes, max(self.recipe.seen.input_size)))
        found = tune(self.recipe, self.state, self.model, batches, steps)
        self.loader.seconds = dict.fromkeys(self.loader.seconds, 0.0)
        self.recipe = found.recipe
        return found

    def mixing(self) -> tuple[Mix, ...]:
        """The element that mixes pictures, where the recipe has one."""
        if self.recipe.mix is None:
            return ()
        way = bound("mix", MIXES, self.recipe.mix)
        return (Mix(way, len(self.task.classes), self.recipe.seed),)

    def fit(self, run: Run, watcher: Quiet, rhythm: loop.Rhythm | None = None) -> Any:
        """Train to the end, from the last checkpoint where there is one; the answers of the
        last weights.

        Raises `loop.Stopped` after SIGINT or SIGTERM, when everything is saved.
        """
        recipe, processes = self.recipe, self.processes
        processes.alike(self.model)
        state = self.state(self.model)
        record = Record(run.path, self.task.scores) if processes.first else Unwritten()
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
            every=recipe.validate,
        )

    def evaluate(self, model: nn.Module) -> tuple[Any, dict[str, float]]:
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

    @property
    def idle(self) -> int:
        """Processors that the network leaves to loader workers, those at work included."""
        busy = torch.get_num_threads() if self.device.type == "cpu" else 1
        return max(0, cores() - busy)

    def names(self) -> tuple[str, ...]:
        """The names of the validation pictures, or their numbers."""
        known = getattr(self.val, "names", None)
        return tuple(known) if known is not None else tuple(str(i) for i in range(len(self.val)))


def _fits(recipe: Recipe, task: Task) -> None:
    """ValueError for practices that change pictures alone where targets lie in them."""
    moved = {"sizes": recipe.sizes, "mix": recipe.mix, "parts": recipe.parts > 1}
    for practice, asked in moved.items():
        if asked and task.name not in OF_CLASSES:
            raise ValueError(
                f"{practice}={getattr(recipe, practice)} is for classes, not for the task "
                f"{task.name}, whose targets lie in the picture; leave it out"
            )


def _decodes(pictures: Any) -> bool:
    """Whether making a batch is real work: cutting it from photographs, or decoding it anew."""
    return isinstance(getattr(pictures, "arrays", None), Ragged | Files)


PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FORMATS = {"channels-last": torch.channels_last, "channels-first": torch.contiguous_format}
