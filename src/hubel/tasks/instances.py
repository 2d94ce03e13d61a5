"""Instances: every object of a picture, with its mask, its box and its class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from hubel.data.objects import Objects
from hubel.runtime.decode.found import Found
from hubel.runtime.decode.instances import OUTPUTS, decode
from hubel.tasks.conditional import Outputs, conditional, mask_loss
from hubel.tasks.detect import Detect
from hubel.tasks.detected import Instanced
from hubel.tasks.detector import Detector

MASK = 2.0
"""Weight of the masks' loss beside those of the detector."""


@dataclass(frozen=True)
class Instances(Detect):
    """The task of finding every object of `classes` and its mask: the detector, whose cells say
    conditional convolutions besides.

    Targets are `data.scenes.Targets` with masks. The scores are `val_loss`, `val_map50` and
    `val_map` of masks, and `val_box50`, mAP at 0.5 of boxes. `head` is that of `Detect`, with the
    number of `prototypes`, 8.
    """

    name = "instances"
    data = "masks"
    scores: ClassVar[tuple[str, ...]] = ("val_loss", "val_map50", "val_map", "val_box50")
    answers: ClassVar[Any] = Instanced
    outputs: ClassVar[tuple[str, ...]] = OUTPUTS
    heads: ClassVar[Mapping[str, Callable[..., Detector]]] = {"pyramid": conditional}
    decode: ClassVar[Callable[..., Found]] = staticmethod(decode)

    def criterion(self, outputs: Outputs, targets: Any, size: tuple[int, int]) -> Tensor:  # type: ignore[override]
        """The detector's, and MASK (cross-entropy + Dice loss) of the masks."""
        assigned = self.assigned(outputs[:3], targets)
        masks = mask_loss(outputs, targets.masks, assigned)
        return self.told(outputs[:3], targets, assigned) + MASK * masks

    def outcome(
        self, names: Sequence[str], found: Sequence[Found], dataset: Any
    ) -> tuple[Instanced, tuple[float, ...]]:
        """The outcome; mAP of masks at 0.5 and over all IoUs, and of boxes at 0.5."""
        truths = tuple(_masked(dataset.truth(i)) for i in range(len(found)))
        made = Instanced(tuple(names), len(self.classes), tuple(found), truths)
        precision = made.precision
        return made, (precision.at_half, precision.mean, made.precise(False).at_half)

    def truth(self, dataset: Any, index: int) -> Found:
        """The objects that are there, in the pixels of their picture."""
        truth = _masked(dataset.truth(index))
        masks = np.zeros((len(truth), *dataset.size(index)), bool)
        for k, mask in enumerate(truth.masks):
            masks[k] = mask.array()  # type: ignore[union-attr]
        return Found(truth.boxes, np.ones(len(truth)), truth.labels, masks)

    def target(self, targets: Any, n: int, size: tuple[int, int]) -> Found:
        """The objects that picture n of a batch is trained on."""
        found = super().target(targets, n, size)
        masks = targets.masks[targets.pictures == n].numpy().astype(bool)
        return Found(found.boxes, found.scores, found.labels, masks)


def _masked(objects: Objects) -> Objects:
    """Those with a mask: nothing can be said of the others."""
    return objects.take([k for k, mask in enumerate(objects.masks) if mask is not None])
