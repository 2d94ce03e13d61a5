"""Localization: the class of a picture's one object, and the box around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.pictures.preprocess import Preprocess
from hubel.runtime.decode.classify import softmax
from hubel.runtime.decode.drawing import draw_boxes


@dataclass(frozen=True, eq=False)
class Located:
    """The object of a picture: `box` (4,), x1 y1 x2 y2 in its pixels, and the probability of each
    class, (K,). A picture without one has no probabilities.
    """

    box: NDArray[np.floating]
    probabilities: NDArray[np.floating]

    @property
    def label(self) -> int:
        """The most probable class."""
        return int(self.probabilities.argmax())

    def told(self, classes: Sequence[str]) -> str:
        """The class, its probability, and where it is."""
        if not len(self.probabilities):
            return "nothing"
        x1, y1, x2, y2 = (round(side) for side in self.box.tolist())
        p = self.probabilities[self.label]
        return f"{classes[self.label]} {p:.0%} at {x1}, {y1} to {x2}, {y2}"

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Class, probability and box."""
        return {
            "class": classes[self.label],
            "score": round(float(self.probabilities[self.label]), 4),
            "box": [round(side, 2) for side in self.box.tolist()],
        }

    def drawn(self, picture: NDArray[Any], classes: Sequence[str]) -> NDArray[Any]:
        """The box over its picture (h, w, 3), with the class."""
        if not len(self.probabilities):
            return picture
        return draw_boxes(picture, self.box[None], [self.label], [classes[self.label]])


def decode(
    outputs: Sequence[NDArray[np.floating]],
    preprocess: Preprocess,
    size: tuple[int, int],
    classes: int,
) -> Located:
    """[logits (K,), box (4,) in shares of the network's input] of one picture of `size` (H, W) ->
    what is there, in the picture's own pixels.
    """
    logits, shares = outputs
    height, width = preprocess.input_size
    box = np.asarray(shares, np.float64) * (width, height, width, height)
    return Located(preprocess.placement(size).to_picture(box[None])[0], softmax(logits))
