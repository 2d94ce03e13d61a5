"""The tasks by name, as far as use is concerned: what the graph gives, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from hubel.runtime.decode import detect, instances, localize, segment, upscale
from hubel.runtime.decode.classify import softmax
from hubel.runtime.decode.tags import sigmoid


class Seen(Protocol):
    """What was found in one picture: boxes, masks, a map of classes, a larger picture."""

    def told(self, classes: Sequence[str]) -> str:
        """A line for people."""

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Plain values for JSON."""

    def drawn(self, picture: NDArray[Any], classes: Sequence[str]) -> NDArray[Any]:
        """What was found, drawn over the picture it was found in: uint8 (h, w, 3) both."""


@dataclass(frozen=True)
class Decoder:
    """How the outputs of a graph become answers: one of three ways.

    `probabilities` is for tasks of classes: (logits, temperature) -> the same shape. `decode` is
    for places in the picture: (outputs of one picture in their order, Preprocess, the picture's
    (height, width), number of classes, **settings) -> what was found; `settings` are the names of
    thresholds that a bundle may have for it. `whole` is for pictures that are not made to fit, and
    graphs that take any size: (the engine, the picture uint8 (h, w, 3), Preprocess, **settings) ->
    what comes of it.
    """

    outputs: tuple[str, ...]
    probabilities: Callable[[NDArray[Any], float], NDArray[Any]] | None = None
    decode: Callable[..., Seen] | None = None
    settings: tuple[str, ...] = ()
    whole: Callable[..., Seen] | None = None


DECODERS = {
    "classify": Decoder(("logits",), probabilities=softmax),
    "tags": Decoder(("logits",), probabilities=sigmoid),
    "localize": Decoder(("logits", "box"), decode=localize.decode),
    "segment": Decoder(("scores",), decode=segment.decode),
    "detect": Decoder(detect.OUTPUTS, decode=detect.decode, settings=("least",)),
    "instances": Decoder(instances.OUTPUTS, decode=instances.decode, settings=("least",)),
    "upscale": Decoder(("picture",), whole=upscale.whole, settings=("margin",)),
}
"""Task -> how it is decoded."""
