"""Several processes that train one network: who they are, and how they agree.

They are started by the framework's own torchrun and joined by its own engine: gloo between
processors, nccl between GPUs.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.rendezvous import rendezvous

from hubel.data import Batch
from hubel.training.steps import State, tensors

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: the first one decodes, and writes the report, alone."""


class Elsewhere(ValueError):
    """Another process failed, and says why."""


@dataclass(frozen=True)
class Processes:
    """This process among `count`, by its `rank`. Every method but `first` is for all to call.

    A training by one process is one with count 1: nothing is sent then.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def shared(self, make: Callable[[], T]) -> T:
        """What the first process makes, for all of them; where it fails by ValueError or OSError,
        so do all.
        """
        if self.count == 1:
            return make()
        box: list[Any] = [None]
        if self.first:
            try:
                box = [(True, make())]
            except (ValueError, OSError):
                dist.broadcast_object_list([(False, None)])
                raise
        dist.broadcast_object_list(box)
        well, made = box[0]
        if not well:
            raise Elsewhere("stopped together with the first process")
        return made

    def in_turn(self, make: Callable[[], T]) -> T:
        """What each process makes for itself, the first one before the others: what it leaves in
        the cache is there for them.
        """
        made: list[T] = []
        self.shared(lambda: made.append(make()))
        return made[0] if made else make()

    def gathered(self, thing: T) -> list[T]:
        """The thing of every process, in order."""
        if self.count == 1:
            return [thing]
        things: list[Any] = [None] * self.count
        dist.all_gather_object(things, thing)
        return things

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Each flag that is true in one process is true in all."""
        if self.count == 1:
            return flags
        sent = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(sent, dist.ReduceOp.MAX)
        return tuple(bool(flag) for flag in sent)

    def alike(self, model: nn.Module) -> None:
        """Give every parameter and buffer the first process's values."""
        if self.count > 1:
            for tensor in tensors(model):
                dist.broadcast(tensor.detach(), 0)


ALONE = Processes()


class Agree:
    """gradients and loss <- their means over the processes.

    With equal shares of the batch these are the gradients and the loss of the whole batch. All
    travel in one message, the loss with them. A parameter without a gradient in one process counts
    as zero there; without one anywhere it keeps none, so that the optimizer leaves it alone.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes = processes

    @torch.no_grad()
    def __call__(self, state: State, batch: Batch) -> None:
        """Replace the gradients and `state.loss`."""
        trained = [p for group in state.optimizer.param_groups for p in group["params"]]
        used = self.processes.any(*(p.grad is not None for p in trained))
        trained = [p for p, has in zip(trained, used) if has]
        for p in trained:
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        flat = torch.cat([*(p.grad.reshape(-1) for p in trained), state.loss.reshape(1)])
        dist.all_reduce(flat)
        *means, loss = (flat / self.processes.count).split([*(p.numel() for p in trained), 1])
        for p, mean in zip(trained, means):
            p.grad.copy_(mean.view_as(p))
        state.loss = loss[0].to(state.loss.dtype)


@contextlib.contextmanager
def together() -> Iterator[Processes]:
    """Join the processes that torchrun started, or those that are joined already; alone
    without it.
    """
    if not dist.is_available() or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    if dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size())
        return
    gpus = torch.cuda.is_available()
    if gpus:
        torch.cuda.set_device(local_rank())
    # Torchrun's store outlives the processes that it starts anew, with the addresses of the dead.
    store, rank, count = next(rendezvous("env://", timeout=PATIENCE))
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if gpus else "gloo",
        store=dist.PrefixStore(f"attempt {restarts()}", store),
        rank=rank,
        world_size=count,
        timeout=PATIENCE,
    )
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            text = "another process of this training has ended; see what it said"
            raise Elsewhere(text) from error
        raise
    finally:
        dist.destroy_process_group()


def local_rank() -> int:
    """Number of this process on its machine: the number of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_count() -> int:
    """Processes on this machine: they share its processor cores and its memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def job() -> str | None:
    """What tells this torchrun from every other, the same after it restarted its workers; None
    without one.

    Torchrun's own number alone does not: it is "none" unless one is given.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    errors = Path(os.environ.get("TORCHELASTIC_ERROR_FILE", ""))  # .../JOB/attempt_0/0/error.json
    folder = errors.parents[2].name if len(errors.parents) > 2 else ""
    parts = (os.environ["TORCHELASTIC_RUN_ID"], socket.gethostname(), str(os.getppid()), folder)
    return "/".join(parts)


def restarts() -> int:
    """How often torchrun has started the workers anew."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
