"""Features computed once: where the body of a network is frozen, only its head has to run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from hubel.data import Batch, Loader
from hubel.data.draws import order
from hubel.networks import Network


class Tail(nn.Module):
    """A task's model of which only the last layers run: features -> logits (N, classes).

    It holds the whole model under its names, so that checkpoints, averages and bundles do.
    """

    def __init__(self, model: nn.Module, start: int):
        super().__init__()
        self.normalize = model.get_submodule("normalize")
        self.network = model.get_submodule("network")
        self.start = start

    def forward(self, features: Tensor) -> Tensor:
        """What `body` gave -> logits (N, classes)."""
        x = features
        for part in _parts(self.network)[self.start :]:
            x = part(x)
        return x

    def body(self, pictures: Tensor) -> Tensor:
        """Pictures (N, C, H, W) in 0..255 -> features (N, ...)."""
        x = self.normalize(pictures)
        for part in _parts(self.network)[: self.start]:
            x = part(x)
        return x


def tail(model: nn.Module) -> Tail | None:
    """The model cut behind all that is frozen and leaves nothing to chance.

    None where a row of the body learns, and for modules of one's own, whose forward is their own
    affair.
    """
    network = model.get_submodule("network")
    if not isinstance(network, Network) or _changes(network.stem) or _changes(network.stages):
        return None
    parts = _parts(network)
    return Tail(model, next((i for i, part in enumerate(parts) if _changes(part)), len(parts)))


def _parts(network: nn.Module) -> list[nn.Module]:
    """A Network as one sequence: the rows of stem and stages, the layers of the head."""
    return [
        layer
        for part in (network.stem, network.stages, network.head)
        for layer in _layers(part)  # type: ignore[arg-type]
    ]


def _layers(module: nn.Module) -> list[nn.Module]:
    """What is called one after the other in sequences within sequences."""
    if type(module).forward is not nn.Sequential.forward:
        return [module]
    return [layer for child in module.children() for layer in _layers(child)]


def _changes(module: nn.Module) -> bool:
    """Whether it learns or draws in training: dropout is off in a frozen row, not in a head."""
    if any(p.requires_grad for p in module.parameters()):
        return True
    return isinstance(module, _DropoutNd)


class Features(Loader):
    """A loader of features: what the body of `model` makes of the batches of `pictures`, once.

    `pictures` gives every picture in order. Its epochs 0 .. views - 1 are computed when the first
    batch is asked for; epoch e takes what epoch e mod views gave. Everything else is as in a Loader
    with the words `batch`, `shuffle` and `drop_last`; a batch's `pictures` are features (N, ...).
    """

    def __init__(
        self, model: Tail, pictures: Loader, *, views: int = 1,
        precision: torch.dtype = torch.float32, **words: Any,
    ):  # fmt: skip
        super().__init__(pictures.dataset, seed=pictures.seed, **words)
        self.model, self.pictures, self.precision, self.views = model, pictures, precision, views
        self.seconds["features"] = 0.0
        self._computed: list[Batch] = []

    def compute(self) -> list[Batch]:
        """The features of every view, as one batch each."""
        if not self._computed:
            began = time.perf_counter()
            self._computed = [self._view(e) for e in range(self.views)]
            self.seconds |= self.pictures.seconds
            spent = sum(self.pictures.seconds.values())
            self.seconds["features"] += time.perf_counter() - began - spent
        return self._computed

    def epoch(self, e: int, start: int = 0) -> Iterator[Batch]:
        """The batches of epoch e, from number `start` on."""
        view = self.compute()[e % self.views]
        length = len(self.dataset)
        places = order(self.seed, e, length) if self.shuffle else np.arange(length)
        for step in range(start, self.steps):
            at = torch.from_numpy(places[step * self.batch : (step + 1) * self.batch])
            yield Batch(view.pictures[at], view.targets[at], at)

    @torch.no_grad()
    def _view(self, e: int) -> Batch:
        device = next(self.model.parameters()).device
        training = self.model.training
        self.model.eval()
        features, targets = [], []
        with torch.autocast(device.type, self.precision, self.precision != torch.float32):
            for batch in self.pictures.epoch(e):
                features.append(self.model.body(batch.pictures.to(device)))
                targets.append(batch.targets)
        self.model.train(training)
        indices = torch.arange(len(self.dataset))
        return Batch(torch.cat(features), torch.cat(targets), indices)
