"""What a network found in a picture: the answer of every task with objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.runtime.decode.drawing import draw_boxes, draw_masks
from hubel.runtime.decode.masks import run_lengths


@dataclass(frozen=True, eq=False)
class Found:
    """What a network found in one picture: boxes (n, 4) in its pixels, scores (n,) in 0..1, labels
    (n,), and, of instances, masks bool (n, H, W).
    """

    boxes: NDArray[np.floating]
    scores: NDArray[np.floating]
    labels: NDArray[np.int64]
    masks: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, which: NDArray[np.integer] | NDArray[np.bool_]) -> Found:
        """Only these, in this order."""
        masks = None if self.masks is None else self.masks[which]
        return Found(self.boxes[which], self.scores[which], self.labels[which], masks)

    def told(self, classes: Sequence[str]) -> str:
        """How many of each class."""
        counts = np.bincount(self.labels, minlength=len(classes))
        return ", ".join(f"{n} {name}" for n, name in zip(counts, classes) if n) or "nothing found"

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """The objects, the surest first; masks as run lengths in COCO's form."""
        objects = [
            {"class": classes[k], "score": round(float(s), 4), "box": [round(x, 2) for x in box]}
            for box, s, k in zip(self.boxes.tolist(), self.scores, self.labels.tolist())
        ]
        if self.masks is not None:
            for told, mask in zip(objects, self.masks):
                told["mask"] = run_lengths(mask)
        return {"objects": objects}

    def drawn(self, picture: NDArray[Any], classes: Sequence[str]) -> NDArray[Any]:
        """The boxes, or where there are masks these, over their picture (h, w, 3), with class and
        score; truths, whose score is 1, with their class.
        """
        texts = [
            classes[k] + (f" {s:.2f}" if s < 1 else "")
            for k, s in zip(self.labels.tolist(), self.scores.tolist())
        ]
        if self.masks is not None:
            return draw_masks(picture, self.masks, texts)
        return draw_boxes(picture, self.boxes, self.labels.tolist(), texts)
