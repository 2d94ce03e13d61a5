"""Classify: one class a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hubel.data import Loader
from hubel.tasks.losses import Loss, cross_entropy
from hubel.tasks.outcome import Outcome
from hubel.tasks.tagged import Tagged
from hubel.tasks.task import Task
from hubel.tasks.views import Views, plain

Mine = tuple[list[Tensor], list[Tensor], list[float]]
"""Of a validation, batch by batch: logits (N, K), targets (N,) or (N, K), loss times N."""

AUX = 0.3
"""Weight of every auxiliary loss."""


@dataclass(frozen=True)
class Classify(Task):
    """The task of telling which of `classes` a picture shows.

    Targets are class indices. The scores are `val_loss` (the loss that is trained, without
    augmentation), `val_top1` and `val_top5`, shares of the pictures.
    """

    loss: Loss = cross_entropy

    name = "classify"
    better = "val_top1"
    scores: ClassVar[tuple[str, ...]] = ("val_loss", "val_top1", "val_top5")
    answers: ClassVar[Any] = Outcome

    def objective(self, model: nn.Module, pictures: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch in training, with that of auxiliary heads where the network has some.

        Auxiliary losses count AUX each: Szegedy et al. 2014 (arXiv 1409.4842), section 5.
        """
        network: Any = model.get_submodule("network")
        heads = getattr(network, "aux", None)
        if not isinstance(heads, nn.Module) or not any(p.requires_grad for p in heads.parameters()):
            return self.loss(_wide(model(pictures)), targets)
        seen = model.get_submodule("normalize")(pictures)
        logits, *others = (_wide(out) for out in network.outputs(seen))
        aux = sum((self.loss(out, targets) for out in others), logits.new_zeros(()))
        return self.loss(logits, targets) + AUX * aux

    @torch.no_grad()
    def evaluate(
        self,
        model: nn.Module,
        loader: Loader,
        names: Sequence[str],
        gather: Callable[[Any], list[Any]] = lambda mine: [mine],
        views: Views = plain,
    ) -> tuple[Outcome | Tagged, dict[str, float]]:
        """The answers for every picture of the loader, in its order, and their scores.

        `gather` brings together those of several processes, each of which has its share. With
        `views` the answer is the mean over them. The model's own mode and the generators are as
        before afterwards.
        """
        training, place = model.training, next(model.parameters())
        model.eval()
        mine: Mine = ([], [], [])
        logits, targets, losses = mine
        for batch in loader.epoch(0):
            out = torch.stack(
                [weight * model(x.to(place.device)) for x, weight in _seen(batch.pictures, views)]
            ).sum(0)
            truth = batch.targets.to(place.device)
            losses.append(float(self.loss(out, truth)) * len(truth))
            logits.append(out.double().cpu())
            targets.append(batch.targets)
        model.train(training)
        logits, targets, losses = (list(chain(*lists)) for lists in zip(*gather(mine)))
        answers, truths = torch.cat(logits), torch.cat(targets)  # (N, K); (N,), or (N, K)
        outcome, scores = self.told(names, answers, truths)
        return outcome, dict(zip(self.scores, (sum(losses) / len(truths), *scores)))

    def told(
        self, names: Sequence[str], logits: Tensor, truths: Tensor
    ) -> tuple[Outcome | Tagged, tuple[float, ...]]:
        """The answers in logits (N, K), float64, and all scores but the loss."""
        found = Outcome(
            names=tuple(names),
            truths=truths.numpy().astype(np.int64),
            probabilities=logits.softmax(dim=1).float().numpy(),
            losses=F.cross_entropy(logits, truths, reduction="none").float().numpy(),
        )
        return found, (found.top1, found.top5)


def _wide(logits: Tensor) -> Tensor:
    """Logits in which a loss can be computed: at least float32."""
    return logits.float() if logits.dtype.itemsize < 4 else logits


def _seen(pictures: Tensor, views: Views) -> list[tuple[Tensor, float]]:
    """The views of pictures (N, C, H, W); of anything else, such as features, only itself."""
    if views is plain:
        return [(pictures, 1.0)]
    seen = views(pictures.permute(0, 2, 3, 1).numpy())
    return [
        (torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2), weight)
        for x, weight in seen
    ]
