"""Transfer: which part of a network learns, from when on, and how fast."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from hubel.data import Batch
from hubel.training.steps import State
from hubel.weights.loading import head_of


def rows(network: nn.Module) -> tuple[list[str], list[str]]:
    """The names of the body's rows, from the first to the last, and those of the heads.

    Rows are "stem", "stages.0", ...; in a module of one's own its children. ValueError where no
    head is to be told, or nothing else.
    """
    names: dict[str, None] = {}
    for name, _ in network.named_parameters():
        first, *rest = name.split(".")
        names[f"{first}.{rest[0]}" if first in ("stages", "head") and rest[1:] else first] = None
    heads = [name for name in names if f"{name}.".startswith(head_of(network))]
    body = [name for name in names if name not in heads]
    if not heads or not body:
        raise ValueError(
            f"{type(network).__name__} has {', '.join(names)}: which of them is the head cannot be "
            "told; name the last layer `head`, `fc` or `classifier`, and keep others beside it"
        )
    return body, heads


def rules(network: nn.Module, thaw: float, layerwise: float) -> tuple[dict[str, Any], ...]:
    """Rules for the parameter groups of a task's model, as a recipe has them by hand.

    Rates: `layerwise` to the power of how many rows a row stands before the head (Howard, Ruder
    2018, arXiv 1801.06146, section 3.2, where it is 1 / 2.6). With thaw=1 the body is frozen, and
    auxiliary heads with it, since nothing is left for them to shape.
    """
    if thaw < 1 and layerwise == 1:
        return ()
    body, heads = rows(network)
    if thaw < 1:
        distances = enumerate(reversed(body), 1)
        return tuple({"match": _all_of(row), "rate": layerwise**d} for d, row in distances)
    frozen = [*body, *(row for row in heads if row == "aux")]
    return tuple({"match": _all_of(row), "freeze": True} for row in frozen)


def _all_of(row: str) -> str:
    """The expression for the parameters of a row in a task's model."""
    return rf"^network\.{re.escape(row)}\."


def body_of(model: nn.Module) -> list[nn.Parameter]:
    """What is free to learn in a task's model besides the head."""
    network = model.get_submodule("network")
    starts = tuple(f"{row}." for row in rows(network)[0])
    named = network.named_parameters()
    return [p for name, p in named if name.startswith(starts) and p.requires_grad]


@dataclass
class Thaw:
    """Until `share` of the run is done only the head learns, from then on `body` too."""

    body: Sequence[nn.Parameter]
    share: float

    def __call__(self, state: State, batch: Batch) -> None:
        """Free the body or hold it, by the position alone."""
        learns = state.step >= self.share * state.total
        for parameter in self.body:
            parameter.requires_grad_(learns)


def told(network: nn.Module, thaw: float, layerwise: float, steps: int, kept: bool) -> list[str]:
    """What learns and what does not, in sentences; none where everything does, and alike.

    `kept`: the features of what is frozen are computed once.
    """
    free = {name: p.requires_grad for name, p in network.named_parameters()}
    count = {name: p.numel() for name, p in network.named_parameters()}
    learns = sum(count[name] for name, is_free in free.items() if is_free)
    said = []
    if not all(free.values()):
        what = ", its features are computed once" if kept else ""
        said.append(f"{learns:,} of {sum(count.values()):,} parameters learn")
        said[0] += f"; the rest is frozen{what}"
    if 0 < thaw < 1:
        head = sum(count[n] for n in free if n.startswith(head_of(network)) and free[n])
        words = f"only the head learns ({head:,} parameters), then all {learns:,}"
        said.append(f"Until step {math.ceil(thaw * steps):,} of {steps:,} {words}")
    if thaw < 1 and layerwise != 1:
        rates = [f"{row} {layerwise**d:.3g}" for d, row in enumerate(reversed(rows(network)[0]), 1)]
        said.append(f"Rates, as shares of the learning rate: head 1, {', '.join(rates)}")
    return said
