"""What a training does with a batch, as elements of a tuple: each is called with the state and the
batch, in order.

An element that carries something from step to step has `state_dict` and `load_state_dict`, and goes
into the checkpoint under its `key`. A practice is switched off by leaving its element out.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from hubel.data import Batch
from hubel.data.types import each
from hubel.training.recompute import recomputing
from hubel.training.schedules import Schedule


@dataclass
class State:
    """A training at one moment: what the steps read and change."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    steps: Sequence[Step]
    total: int
    """Steps of the whole run."""
    step: int = 0
    """Steps done."""
    batch: int = 0
    per_epoch: int = 0
    """Pictures a step, and steps an epoch."""
    loss: Tensor = field(default_factory=lambda: torch.zeros(()))
    summed: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    """Sum of the losses of this epoch so far, on the device: reading it waits for a GPU."""
    counted: int = 0
    """How many they are."""
    best: float = -math.inf
    waited: int = 0
    """Epochs since the best."""
    scale: float = 1.0
    """Factor on the learning rate: 1, and half of it after every rollback that may change it."""
    rollbacks: int = 0
    seconds: float = 0.0
    """Wall-clock of the run without the time between a kill and its resumption."""
    spent: dict[str, float] = field(
        default_factory=lambda: {"load": 0.0, "compute": 0.0, "validate": 0.0}
    )
    """Seconds spent waiting for batches, in the steps, and in validation."""

    @property
    def scored(self) -> nn.Module:
        """The network that is validated and shipped: the average of the weights where there
        is one.
        """
        averages = [s.model for s in self.steps if isinstance(s, Average)]
        return averages[0] if averages else self.model

    @property
    def lr(self) -> float:
        """Learning rate now, without the factors that rules put on it."""
        groups = self.optimizer.param_groups
        return float(next(g["lr"] / g["rate"] for g in groups if g["rate"]))

    POSITION = (
        *("step", "counted", "best", "waited", "scale", "rollbacks", "seconds", "spent"),
        *("batch", "per_epoch"),
    )

    def position(self) -> dict[str, Any]:
        """What `restore_position` needs."""
        kept = {name: getattr(self, name) for name in self.POSITION}
        return {**kept, "spent": dict(self.spent), "summed": float(self.summed)}

    def restore_position(self, position: dict[str, Any]) -> None:
        """Take up the position of a checkpoint; with a smaller batch than there, at the same
        picture of the same epoch.
        """
        position = dict(position)
        batch, per_epoch = position.pop("batch"), position.pop("per_epoch")
        if batch != self.batch:
            epoch, start = divmod(position["step"], per_epoch)
            times = batch // self.batch
            position["step"] = epoch * self.per_epoch + start * times
            position["counted"] *= times
            position["summed"] *= times
        self.summed.fill_(position.pop("summed"))
        for name, value in position.items():
            setattr(self, name, value)

    def count(self) -> None:
        """Add the loss of a step to the epoch's."""
        self.summed += self.loss
        self.counted += 1


Objective = Callable[[nn.Module, Tensor, Any], Tensor]
"""(model, pictures (N, C, H, W), targets) -> what is made small, a scalar: a task's `objective`."""


class Step(Protocol):
    """An element of the fold."""

    def __call__(self, state: State, batch: Batch) -> None:
        """Read the batch and what earlier elements left in the state; change the state."""


@runtime_checkable
class Carries(Protocol):
    """An element that goes into the checkpoint under its key."""

    key: str

    def state_dict(self) -> dict[str, Any]:
        """What it carries."""

    def load_state_dict(self, tensors: dict[str, Any]) -> None:
        """Take it up again."""


@dataclass
class Rate:
    """Learning rate of every group = the rate it was given x schedule(step / total) x scale."""

    schedule: Schedule

    def __call__(self, state: State, batch: Batch) -> None:
        """Set `lr` in the optimizer."""
        factor = self.schedule(state.step / state.total)
        for group in state.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor * state.scale


@dataclass
class Gradients:
    """loss = objective(model, pictures, targets) and its gradient in every trained parameter.

    The batch goes through in `parts` of equal size, one after the other, where it does not fit into
    memory at once; gradients and loss are those of the whole batch, only batch norm sees the parts.
    `precision` is what the framework's autocast computes in; `scale` makes the loss so large that
    its gradients do not vanish in it.
    """

    objective: Objective
    format: torch.memory_format = torch.contiguous_format
    parts: int = 1
    precision: torch.dtype = torch.float32
    recompute: bool = False
    """Whether blocks compute their activations again instead of keeping them."""
    scale: Callable[[Tensor], Tensor] = lambda loss: loss

    def __call__(self, state: State, batch: Batch) -> None:
        """Leave `state.loss`, a scalar, and the gradients."""
        state.model.train()
        rest(state.model)
        device = next(state.model.parameters()).device
        pictures = batch.pictures.to(device, memory_format=self.format, non_blocking=True)
        targets = each(batch.targets, lambda tensor: tensor.to(device, non_blocking=True))
        cast = torch.autocast(device.type, self.precision, self.precision != torch.float32)
        state.loss = torch.zeros((), device=device)
        network = state.model.get_submodule("network") if self.recompute else None
        parts = [(pictures, targets)]
        if self.parts > 1:
            parts = list(zip(pictures.chunk(self.parts), targets.chunk(self.parts)))
        for x, y in parts:
            with cast, recomputing(network) if network else nullcontext():
                loss = self.objective(state.model, x, y) * (len(x) / len(pictures))
            self.scale(loss).backward()
            state.loss += loss.detach()


def rest(module: nn.Module) -> None:
    """Parts of which every parameter is frozen work as in use: norms keep the statistics they came
    with, nothing is dropped.
    """
    for child in module.children():
        learns = [p.requires_grad for p in child.parameters()]
        if learns and not any(learns):
            child.eval()
        else:
            rest(child)


@dataclass
class Clip:
    """g <- g * min(1, norm / |g|), |g| over all parameters: Pascanu et al. 2012 (arXiv
    1211.5063), algorithm 1.
    """

    norm: float
    scaler: torch.amp.GradScaler | None = None

    def __call__(self, state: State, batch: Batch) -> None:
        """Shorten the gradients, at their own scale."""
        if self.scaler:
            self.scaler.unscale_(state.optimizer)
        nn.utils.clip_grad_norm_(state.model.parameters(), self.norm)


class Update:
    """One step of the optimizer."""

    def __call__(self, state: State, batch: Batch) -> None:
        """Change the parameters, forget the gradients."""
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)


class ScaledUpdate:
    """One step of the optimizer with gradients of a scaled loss, skipped where one is not finite.

    The scale halves then, and doubles after 2,000 good steps: Micikevicius et al. 2017 (arXiv
    1710.03740), section 3.2, as the framework does it.
    """

    key = "scaler"

    def __init__(self, scaler: torch.amp.GradScaler) -> None:
        self.scaler = scaler

    def __call__(self, state: State, batch: Batch) -> None:
        """Change the parameters and the scale, forget the gradients."""
        self.scaler.step(state.optimizer)
        self.scaler.update()
        state.optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """The scale and how many good steps it has seen."""
        return self.scaler.state_dict()

    def load_state_dict(self, tensors: dict[str, Any]) -> None:
        """Take up the scale."""
        self.scaler.load_state_dict(tensors)


class Average:
    """average <- d average + (1 - d) weights, d = min(decay, (1 + t) / (10 + t)), after every
    step t.

    The averaged network is the one that is scored and shipped. The ramp of d forgets the first,
    random weights sooner. Integer buffers are copied, what is frozen stays. Source: Polyak,
    Juditsky 1992; the ramp as in Tan, Le 2019's released code.
    """

    key = "average"

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False)

    @torch.no_grad()
    def __call__(self, state: State, batch: Batch) -> None:
        """Move the average towards the weights."""
        d = min(self.decay, (1 + state.step) / (10 + state.step))
        moved = [(a, b) for a, b in zip(tensors(self.model), tensors(state.model)) if _moves(b)]
        floats = [(a, b) for a, b in moved if a.is_floating_point()]
        torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1 - d)
        for a, b in moved:
            if not a.is_floating_point():
                a.copy_(b)

    def state_dict(self) -> dict[str, Any]:
        """The averaged tensors by name."""
        return self.model.state_dict()

    def load_state_dict(self, tensors: dict[str, Any]) -> None:
        """Take up the averaged tensors."""
        self.model.load_state_dict(tensors)


def tensors(model: nn.Module) -> list[Tensor]:
    """Parameters, then buffers."""
    return [*model.parameters(), *model.buffers()]


def _moves(tensor: Tensor) -> bool:
    """Buffers, and parameters that learn; the average of a constant is that constant."""
    return tensor.requires_grad or not isinstance(tensor, nn.Parameter)
