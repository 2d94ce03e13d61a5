"""Localize: the class of the one object in a picture, and the box around it by regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.blocks import ConvNorm
from hubel.networks import Network
from hubel.ops.boxes import IOUS
from hubel.runtime.decode import boxes
from hubel.runtime.decode.localize import Located, decode
from hubel.runtime.names import bound, unknown
from hubel.tasks.located import Localized
from hubel.tasks.task import ByPicture, bare

BOX = 2.0
"""How much the box counts in the loss beside the class."""


class Locator(nn.Module):
    """Normalized pictures (N, C, H, W) -> logits (N, K), and boxes (N, 4), x1 y1 x2 y2 in shares of
    the picture.

    The class comes from the mean of the deepest map, the box from dense layers over all of it,
    which must know where things are: Sermanet et al. 2013 (arXiv 1312.6229), section 4.2. A box is
    its centre and its sides, each the sigmoid of an output.
    """

    def __init__(
        self, backbone: Network, classes: int, size: tuple[int, int], width: int, hidden: int
    ):
        super().__init__()
        self.backbone = backbone
        self.stride = max(backbone.widths)
        c, rows, columns = backbone.account(size).shapes[""]
        self.label = nn.Linear(c, classes)
        self.box = nn.Sequential(
            ConvNorm(c, width),
            nn.Flatten(),
            nn.Linear(width * rows * columns, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 4),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures of the size it was made for."""
        y = self.backbone.features(x)[self.stride]
        middle, sides = self.box(y).float().sigmoid().chunk(2, dim=1)
        return self.label(y.mean((2, 3))), torch.cat([middle - sides / 2, middle + sides / 2], 1)


def dense(
    backbone: Network, classes: int, size: tuple[int, int], *, width: int = 64, hidden: int = 256
) -> nn.Module:
    """`width` channels of the map reach the `hidden` outputs of the first dense layer."""
    return Locator(backbone, classes, size, width, hidden)


HEADS = {"dense": dense}


class Judged(NamedTuple):
    """One picture: its size (height, width); label and box (4,) that are there, -1 and NaN where
    there is none; the probabilities (K,) and the box that were found.
    """

    size: tuple[int, int]
    label: int
    box: NDArray[np.float64]
    probabilities: NDArray[np.floating]
    found: NDArray[np.floating]


@dataclass(frozen=True)
class Localize(ByPicture):
    """The task of telling which of `classes` a picture's one object is, and where it is.

    Of several objects the largest is meant. `head` has the words of the dense layers, and `overlap`
    names the form of IoU that is learned (iou, giou, diou, ciou). The scores are `val_iou`, the
    mean IoU of the boxes in the pictures' own pixels, and `val_top1`.
    """

    name = "localize"
    data = "objects"
    better = "val_iou"
    scores: ClassVar[tuple[str, ...]] = ("val_loss", "val_iou", "val_top1")
    answers: ClassVar[Any] = Localized
    outputs: ClassVar[tuple[str, ...]] = ("logits", "box")

    def around(self, backbone: nn.Module) -> nn.Module:
        """Normalized pictures of the preprocessing's size -> logits and boxes; see `Locator`."""
        words = {"name": "dense", **self.head}
        words.pop("overlap", None)
        head = bound("head", HEADS, words)
        if self.overlap not in IOUS:
            raise unknown("overlap", self.overlap, IOUS)
        network = bare(backbone, self.name)
        return head(network, len(self.classes), self.preprocess.input_size)

    @property
    def overlap(self) -> str:
        """The form of IoU."""
        return str(self.head.get("overlap", "giou"))

    def criterion(
        self, outputs: tuple[Tensor, Tensor], targets: Any, size: tuple[int, int]
    ) -> Tensor:
        """Cross-entropy + BOX (1 - overlap), the mean over the pictures that have an object."""
        logits, found = (output.float() for output in outputs)
        chosen = largest(targets, len(logits))
        has = chosen >= 0
        if not has.any():
            return (logits.sum() + found.sum()) * 0
        height, width = size
        scale = found.new_tensor([width, height, width, height])
        there, labels = targets.boxes[chosen[has]], targets.labels[chosen[has]]
        apart = 1 - IOUS[self.overlap](found[has] * scale, there)
        return F.cross_entropy(logits[has], labels) + BOX * apart.mean()

    def judged(self, outputs: Sequence[NDArray[Any]], dataset: Any, index: int) -> Judged:
        """What was found beside what is there, in the picture's own pixels."""
        size = dataset.size(index)
        found = decode(outputs, self.preprocess, size, len(self.classes))
        label, box = _object(dataset.truth(index))
        return Judged(size, label, box, found.probabilities, found.box)

    def outcome(
        self, names: Sequence[str], found: Sequence[Judged], dataset: Any
    ) -> tuple[Localized, tuple[float, ...]]:
        """All that was judged -> the outcome, mean IoU and accuracy."""
        sizes, labels, truths, probabilities, boxes = (np.array(part) for part in zip(*found))
        outcome = Localized(tuple(names), sizes, labels, truths, probabilities, boxes)
        return outcome, (outcome.iou, outcome.top1)

    def evidence(self, outputs: tuple[Tensor, Tensor]) -> Tensor:
        """The logits."""
        return outputs[0]

    def truth(self, dataset: Any, index: int) -> Located:
        """The object of a picture of a data set."""
        label, box = _object(dataset.truth(index))
        return self._there(label, box)

    def target(self, targets: Any, n: int, size: tuple[int, int]) -> Located:
        """The object of picture n of a batch."""
        chosen = int(largest(targets, n + 1)[n])
        if chosen < 0:
            return self._there(-1, NOWHERE)
        return self._there(int(targets.labels[chosen]), targets.boxes[chosen].double().numpy())

    def _there(self, label: int, box: NDArray[np.float64]) -> Located:
        return Located(box, np.eye(len(self.classes))[label] if label >= 0 else NOTHING)


NOWHERE = np.full(4, np.nan)
NOTHING = np.zeros(0)


def largest(targets: Any, count: int) -> Tensor:
    """Of the objects of a batch (`data.scenes.Targets`) the number of the largest in each of
    `count` pictures, -1 where there is none: int64 (count,).
    """
    if not len(targets.labels):
        return targets.labels.new_full((count,), -1)
    sides = targets.boxes[:, 2:] - targets.boxes[:, :2]
    mine = targets.pictures == torch.arange(count, device=targets.pictures.device)[:, None]
    areas = torch.where(mine, sides.prod(dim=1), -1)  # (count, M)
    area, number = areas.max(dim=1)
    return torch.where(area >= 0, number, -1)


def _object(truth: Any) -> tuple[int, NDArray[np.float64]]:
    """Label and box of the largest object that counts (`Objects`), -1 where there is none."""
    counted = np.flatnonzero(truth.counted)
    if not len(counted):
        return -1, NOWHERE
    chosen = counted[boxes.areas(truth.boxes[counted]).argmax()]
    return int(truth.labels[chosen]), truth.boxes[chosen]
