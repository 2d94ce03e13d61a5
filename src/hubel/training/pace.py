"""How long a training will take: its steps, measured on a copy."""

from __future__ import annotations

import copy
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from hubel.training import checkpoint
from hubel.training.features import Features
from hubel.training.sides import work

if TYPE_CHECKING:
    from hubel.training.fit import Trainer


@dataclass(frozen=True)
class Pace:
    """Measured seconds of a training step, of a validation, and of features computed once."""

    step: float
    validation: float
    once: float = 0.0

    def seconds(self, steps: int, per_epoch: int) -> float:
        """Expected seconds of a run."""
        return self.once + steps * self.step + -(-steps // per_epoch) * self.validation

    def steps(self, seconds: float, per_epoch: int) -> int:
        """How many steps fit, at least one: a validation after each epoch and at the end is
        taken off.
        """
        seconds -= self.once
        epochs = seconds / (per_epoch * self.step + self.validation)
        if epochs < 1:
            return max(1, int((seconds - self.validation) / self.step))
        return int(epochs * per_epoch)


def measure(trainer: Trainer, seconds: float = 2.0) -> Pace:
    """Measure a step and a validation on a copy, for about `seconds` each; nothing of
    the run is changed.
    """
    kept = checkpoint.generators()
    once = time.perf_counter()
    for loader in (trainer.loader, trainer.val_loader):
        if isinstance(loader, Features):
            loader.compute()
    once = time.perf_counter() - once
    trainer.loader.seconds = dict.fromkeys(trainer.loader.seconds, 0.0)
    state = trainer.state(copy.deepcopy(trainer.model))
    state.step = state.total - 1  # when everything learns
    times: list[float] = []
    began = time.perf_counter()
    for batch in trainer.loader.epoch(0):
        for step in state.steps:
            step(state, batch)
        float(state.loss)
        times.append(time.perf_counter() - began)
        began += times[-1]
        enough = sum(times[1:]) > seconds and len(times) > 3  # the first starts the workers
        if trainer.processes.any(enough)[0]:
            break
    began, pictures = time.perf_counter(), 0
    state.model.eval()
    with torch.no_grad():
        for batch in trainer.val_loader.epoch(0):
            state.model(batch.pictures.to(trainer.device))
            pictures += len(batch.pictures)
            if time.perf_counter() - began > seconds / 2:
                break
    here = len(trainer.val) / trainer.processes.count
    validation = (time.perf_counter() - began) * here / max(1, pictures)
    trainer.loader.seconds = dict.fromkeys(trainer.loader.seconds, 0.0)
    checkpoint.set_generators(kept)
    each = statistics.median(times[1:] or times)
    # It was measured at the side of the last steps.
    each *= work(trainer.recipe.sizes, max(trainer.recipe.seen.input_size))
    return Pace(each, validation, once)
