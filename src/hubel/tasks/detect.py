"""Detect: every object of a picture, with its box and its class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.ops.boxes import ciou
from hubel.runtime.decode.detect import OUTPUTS, decode
from hubel.runtime.decode.found import Found
from hubel.runtime.names import bound
from hubel.tasks.assign import Assigned, assign, unknown
from hubel.tasks.detected import Detected
from hubel.tasks.detector import HEADS, Detector, Outputs
from hubel.tasks.outcome import NotNumbers
from hubel.tasks.task import ByPicture, bare

BOX = 5.0
"""Weight of the boxes' loss beside those of objectness and classes."""


@dataclass(frozen=True)
class Detect(ByPicture):
    """The task of finding every object of `classes`: a one-stage detector without anchors.

    Targets are `data.scenes.Targets`. The scores are `val_loss`, `val_map50` (mAP at an IoU of 0.5)
    and `val_map` (COCO's, over IoUs from 0.5 to 0.95). `head` names the detector that is put on top
    of the network: {"name": "pyramid", "width": 96, "depth": 2, "act": "silu"}.
    """

    name = "detect"
    data = "objects"
    better = "val_map50"
    scores: ClassVar[tuple[str, ...]] = ("val_loss", "val_map50", "val_map")
    answers: ClassVar[Any] = Detected
    outputs: ClassVar[tuple[str, ...]] = OUTPUTS
    heads: ClassVar[Mapping[str, Callable[..., Detector]]] = HEADS
    decode: ClassVar[Callable[..., Found]] = staticmethod(decode)

    def around(self, backbone: nn.Module) -> Detector:
        """Normalized pictures -> boxes (N, A, 4) in pixels of the input, logits of objectness
        (N, A) and of classes (N, A, K).
        """
        make = bound("head", self.heads, {"name": "pyramid", **self.head})
        return make(bare(backbone, self.name), len(self.classes))

    def criterion(self, outputs: Outputs, targets: Any, size: tuple[int, int]) -> Tensor:
        """BOX (1 - CIoU) + cross-entropy of objectness with the quality of each cell + that of the
        classes, where boxes and classes count by the cells' quality; each over its sum. Cells that
        learn no object say what they like of regions to ignore.
        """
        return self.told(outputs, targets, self.assigned(outputs, targets))

    def assigned(self, outputs: Outputs, targets: Any) -> Assigned:
        """Which cells learn which objects."""
        boxes, objectness, classes = outputs
        chances = objectness.sigmoid()[..., None] * classes.sigmoid()
        return assign(boxes, chances, targets.pictures, targets.boxes, targets.labels)

    def told(self, outputs: Outputs, targets: Any, assigned: Assigned) -> Tensor:
        """The loss of boxes, objectness and classes for those cells."""
        boxes, objectness, classes = outputs
        pictures, cells, objects, quality = assigned
        total = quality.sum().clamp(min=1)
        wanted, known = torch.zeros_like(objectness), ~unknown(boxes, targets.ignored)
        wanted[pictures, cells], known[pictures, cells] = quality, True
        is_there = F.binary_cross_entropy_with_logits(
            objectness, wanted, known.to(wanted), reduction="sum"
        )
        where = quality * (1 - ciou(boxes[pictures, cells], targets.boxes[objects]))
        label = F.one_hot(targets.labels[objects], len(self.classes)).to(classes)
        what = F.binary_cross_entropy_with_logits(classes[pictures, cells], label, reduction="none")
        return (BOX * where.sum() + is_there + (quality[:, None] * what).sum()) / total

    def judged(self, outputs: Sequence[NDArray[Any]], dataset: Any, index: int) -> Found:
        """The objects found in one picture, in its own pixels."""
        if not all(np.isfinite(output).all() for output in outputs):
            raise NotNumbers("boxes or logits that are not numbers: the network is broken")
        return self.decode(outputs, self.preprocess, dataset.size(index), len(self.classes))

    def outcome(
        self, names: Sequence[str], found: Sequence[Found], dataset: Any
    ) -> tuple[Detected, tuple[float, ...]]:
        """The outcome, and mAP at 0.5 and over all IoUs."""
        truths = tuple(dataset.truth(i) for i in range(len(found)))
        made = Detected(tuple(names), len(self.classes), tuple(found), truths)
        return made, (made.precision.at_half, made.precision.mean)

    def truth(self, dataset: Any, index: int) -> Found:
        """The objects that are there, in the pixels of their picture."""
        truth = dataset.truth(index)
        return Found(truth.boxes, np.ones(len(truth)), truth.labels)

    def target(self, targets: Any, n: int, size: tuple[int, int]) -> Found:
        """The objects that picture n of a batch is trained on."""
        mine = targets.pictures == n
        boxes, labels = targets.boxes[mine].numpy(), targets.labels[mine].numpy()
        return Found(boxes, np.ones(len(labels)), labels)

    def evidence(self, outputs: Outputs) -> Tensor:
        """Of each class the logarithm of its highest chance among all cells."""
        objectness, classes = outputs[1:3]
        return (F.logsigmoid(objectness)[..., None] + F.logsigmoid(classes)).amax(dim=1)

    def thresholds(self, outcome: Detected) -> dict[str, float]:
        """The score from which on an object is told."""
        return {"least": round(outcome.threshold, 4)}
