"""Tags: any number of classes a picture, each a question of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from hubel.tasks.classify import Classify
from hubel.tasks.losses import binary
from hubel.tasks.tagged import Tagged


@dataclass(frozen=True)
class Tags(Classify):
    """The task of telling which of `classes` a picture shows, none of them or several.

    Targets are 1 for each class that is there, (N, K). The scores are `val_loss`, `val_map` (mean
    average precision over the classes), `val_f1` and `val_f1_macro` at a probability of 1/2.
    """

    name = "tags"
    better = "val_map"
    scores: ClassVar[tuple[str, ...]] = ("val_loss", "val_map", "val_f1", "val_f1_macro")
    answers: ClassVar[Any] = Tagged

    def told(
        self, names: Sequence[str], logits: Tensor, truths: Tensor
    ) -> tuple[Tagged, tuple[float, ...]]:
        """The answers in logits (N, K), float64, and all scores but the loss."""
        each = torch.stack([binary(z[None], t[None]) for z, t in zip(logits, truths)])
        found = Tagged(
            names=tuple(names),
            truths=truths.numpy() > 0,
            probabilities=logits.sigmoid().float().numpy(),
            losses=each.float().numpy(),
        )
        return found, (found.mean_average_precision, found.f1, found.f1_macro)
