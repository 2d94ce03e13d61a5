"""A loss that is not a number: back to where it was one."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from hubel.training import checkpoint
from hubel.training.processes import ALONE, Processes
from hubel.training.record import Record
from hubel.training.steps import State

MOST = 3
"""Rollbacks of one run; what diverges once more has another cause."""


class Diverged(ValueError):
    """The loss is not a number any more; the last checkpoint is from before."""


def finite(state: State, *, weights: bool = False) -> bool:
    """Whether the losses of this epoch are numbers; if wanted, also the weights after its last
    step.
    """
    if not math.isfinite(float(state.summed)):
        return False
    return not weights or all(bool(torch.isfinite(p).all()) for p in state.model.parameters())


def roll_back(
    state: State,
    record: Record,
    good: Path,
    end: int,
    *,
    halve: bool,
    processes: Processes = ALONE,
) -> str:
    """Put the training back to the end of the last epoch, or to the start, and change what led
    here; the sentence to announce.

    With `halve` the learning rate is half of what it was from there on. Otherwise it was given and
    stays: the batches since are passed over, up to the last one of the epoch, which ends at `end`
    (as Chowdhery et al. 2022, arXiv 2204.02311, section 5.1). `Diverged` after
    MOST rollbacks.
    """
    loss, failed, count = float(state.summed), state.step, state.rollbacks + 1
    if count > MOST:
        raise diverged(state, good.parent)
    scale = state.scale * (0.5 if halve else 1.0)
    checkpoint.restore(good, state, record, processes)
    back = state.step
    if not halve:
        state.step = max(back, min(failed, end - 1))
    state.scale, state.rollbacks = scale, count
    record.line(event="rollback", failed=failed, step=back, next=state.step, scale=scale)
    change = (
        f"the learning rate is {scale:g} of its schedule from there on"
        if halve
        else f"the rate was given and stays, steps {back} to {state.step} are passed over"
    )
    what = "The answers were no numbers" if math.isfinite(loss) else f"The loss was {loss}"
    return f"{what} by step {failed}: back to step {back}; {change}"


def diverged(state: State, folder: Path) -> Diverged:
    """What to say at the end of all attempts."""
    loss, rate = float(state.summed), state.lr
    became = "the answers became no numbers" if math.isfinite(loss) else f"the loss became {loss}"
    tried = f", after {state.rollbacks} rollbacks" if state.rollbacks else ""
    held = f"; {folder / 'last.pt'} is from before" if (folder / "last.pt").exists() else ""
    remedy = "train again with a smaller one (--lr)" if rate > 0 else "look at the data"
    text = f"{became} by step {state.step}{tried}{held}; the learning rate was {rate:.3g}: {remedy}"
    return Diverged(text)
