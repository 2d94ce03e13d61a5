"""Segment: a class for every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.networks import Network
from hubel.runtime.decode.segment import ClassMap, decode
from hubel.runtime.names import bound
from hubel.tasks.decoders import HEADS, Segmenter
from hubel.tasks.losses import class_weights, pixels
from hubel.tasks.segmented import Counts, Segmented, count
from hubel.tasks.task import ByPicture, bare

OUTPUT_STRIDE = 8
"""Of the network under the dilated head. Chen et al. 2017 (arXiv 1706.05587), section 3.1."""


@dataclass(frozen=True)
class Segment(ByPicture):
    """The task of telling which of `classes` every pixel shows.

    Targets are class numbers (N, H, W), 255 where nobody knows. `head` names a decoder of
    `tasks/decoders.py` with its words, "unet" where it names none; its word `weights` says how much
    each class counts in the loss. The scores are taken at the pictures' original size: `val_miou`,
    `val_accuracy` (share of the pixels) and `val_boundary_f1`.
    """

    name = "segment"
    data = "maps"
    better = "val_miou"
    scores: ClassVar[tuple[str, ...]] = ("val_loss", "val_miou", "val_accuracy", "val_boundary_f1")
    answers: ClassVar[Any] = Segmented
    outputs: ClassVar[tuple[str, ...]] = ("scores",)

    def around(self, backbone: nn.Module) -> nn.Module:
        """Normalized pictures (N, C, H, W) -> scores (N, K, h, w), which cover the picture evenly.

        The network loses its classifiers. Under the dilated head it is built anew at output stride
        8, with the same weights, where it strides by more.
        """
        network = bare(backbone, self.name)
        words = {"name": "unet", **self.head}
        given = words.pop("weights", None)
        if given is not None:
            class_weights(given, self.classes, ())
        head = bound("head", HEADS, words)
        if words["name"] == "dilated" and max(network.widths) > OUTPUT_STRIDE:
            network = finer(network, OUTPUT_STRIDE)
        return Segmenter(network, head(network, len(self.classes)))

    def criterion(self, outputs: Tensor, targets: Tensor, size: tuple[int, int]) -> Tensor:
        """The loss at the resolution of the targets, in float32."""
        scores = outputs.float()
        if scores.shape[2:] != targets.shape[1:]:
            scores = F.interpolate(scores, targets.shape[1:], mode="bilinear")
        return pixels(scores, targets, weights=self.head.get("weights"))

    def judged(self, outputs: Sequence[NDArray[Any]], dataset: Any, index: int) -> Counts:
        """The counts of one picture at its original size."""
        many = len(self.classes)
        found = decode(outputs, self.preprocess, dataset.size(index), many)
        return count(found.numbers, dataset.truth(index), many)

    def outcome(
        self, names: Sequence[str], found: Sequence[Counts], dataset: Any
    ) -> tuple[Segmented, tuple[float, ...]]:
        """The counts of every picture -> the outcome and all scores but the loss."""
        outcome = Segmented.of(names, found)
        return outcome, (outcome.miou, outcome.accuracy, outcome.boundary_f1)

    def evidence(self, outputs: Tensor) -> Tensor:
        """Of each class the mean score where it is answered; over all pixels where it is nowhere.

        Source: Vinogradova, Dibrov, Myers 2020 (arXiv 2002.11434), equation 2.
        """
        won = F.one_hot(outputs.argmax(dim=1), outputs.shape[1]).movedim(-1, 1).to(outputs)
        counts = won.sum(dim=(2, 3))
        there = (won * outputs).sum(dim=(2, 3)) / counts.clamp(min=1)
        return torch.where(counts > 0, there, outputs.mean(dim=(2, 3)))

    def truth(self, dataset: Any, index: int) -> ClassMap:
        """The map of a picture of a data set."""
        return ClassMap(dataset.truth(index))

    def target(self, targets: Tensor, n: int, size: tuple[int, int]) -> ClassMap:
        """The map of picture n of a batch."""
        return ClassMap(targets[n].byte().numpy())


def finer(network: Network, stride: int) -> Network:
    """The same weights with cells at most `stride` pixels apart; ValueError for a family that
    cannot be dilated.
    """
    made = Network(replace(network.spec.dilate(stride), head=(), aux={}, init=None))
    made.load_state_dict(network.state_dict())
    made.spec = network.spec.dilate(stride)
    return made.to(next(network.parameters()))
