"""How large a batch may be: by trying on a GPU, by counting on a processor."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch

from hubel.ops.account import account
from hubel.runtime.machine import free_memory
from hubel.training import checkpoint
from hubel.training.processes import Agree, local_count
from hubel.training.shared_norm import part_norms

if TYPE_CHECKING:
    from hubel.training.fit import Trainer

SHARE = 0.8
"""Of the free memory, what a training step may take."""


def ran_out(error: BaseException) -> bool:
    """Whether this is memory that ran out: on a GPU, in the framework on a processor, in Python."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def fitting(trainer: Trainer) -> int:
    """The batch of the recipe, halved until a step of it fits into this machine's memory.

    Of several processes each takes its part, so the batch stays a multiple of their number.
    """
    count, part = trainer.processes.count, trainer.recipe.batch // trainer.processes.count
    fits = passes if trainer.device.type == "cuda" else counts
    while part > 1 and not fits(trainer, part):
        part //= 2
    return part * count


def counts(trainer: Trainer, batch: int) -> bool:
    """Whether a step should fit: the outputs of all layers twice (kept, and their gradients), and
    of the weights five (themselves, gradients, two of the optimizer, the average).

    A network that cannot be counted is believed to fit.
    """
    free = free_memory()
    if free is None:
        return True
    preprocess = trainer.task.preprocess
    try:
        made = account(trainer.network, (preprocess.channels, *preprocess.input_size))
    except (ValueError, RuntimeError):  # a module of one's own that runs only with real numbers
        return True
    outputs = sum(math.prod(row.shape) for row in made.rows)
    floats = 2 * outputs * batch / trainer.recipe.parts + 5 * made.params
    return 4 * floats < SHARE * free / local_count()


def passes(trainer: Trainer, batch: int) -> bool:
    """Whether a step of so many pictures goes through, tried on a copy; nothing of the run is
    changed.
    """
    kept = checkpoint.generators()
    whole = next(trainer.loader.epoch(0))
    tried = type(whole)(*(tensor[:batch] for tensor in vars(whole).values()))
    try:
        model = copy.deepcopy(trainer.model)
        part_norms(model)  # they would wait for the other processes
        state = trainer.state(model)
        for step in state.steps:
            if not isinstance(step, Agree):
                step(state, tried)
        float(state.loss)
        return True
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        return False
    finally:
        checkpoint.set_generators(kept)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
