"""The gate that int8 has to pass: how much worse it may answer than float32, in its own engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hubel.export.quantize import Quantizer
from hubel.runtime.predictor import Predictor

MOST = 0.5
"""Share of the layers that may stay in float32; a graph with more of them is no int8 graph."""
PROBED = 32
"""Pictures on which single layers are compared."""
DISCORDANT = 6
"""Pictures that only float32 answers right, none that only int8 does: so many are no chance, by a
sign test (2 * 0.5**6 < 0.05).
"""


@dataclass(frozen=True)
class Judgement:
    """A score on the validation pictures, 0..1, and that of each class."""

    score: float
    per_class: Mapping[str, float]


@dataclass(frozen=True)
class Attempt:
    """Int8 with these layers left in float32. `drop` is what it lost against float32 in points,
    percent of the score; `per_class` what each class lost.
    """

    floats: tuple[str, ...]
    score: float
    drop: float
    per_class: Mapping[str, float]

    @property
    def worst(self) -> tuple[str, float]:
        """The class that lost most, and how much."""
        return max(self.per_class.items(), key=lambda item: item[1], default=("", 0.0))


def smallest_drop(pictures: int) -> float:
    """The smallest drop of a share of right answers, in points, that so many pictures can show to
    be more than chance.
    """
    return min(100.0, 100.0 * DISCORDANT / pictures)


def through_the_gate(
    quantizer: Quantizer,
    path: Path,
    pictures: np.ndarray,
    *,
    plain: Predictor,
    reference: Judgement,
    opened: Callable[[Path], Predictor],
    judge: Callable[[Predictor], Judgement],
    max_drop: float,
    say: Callable[[str], object] = lambda text: None,
) -> tuple[bool, tuple[Attempt, ...]]:
    """Quantize into `path` until the score drops by no more than `max_drop` points below the
    `reference`, that of the `plain` bundle; whether it did, and all that was tried.

    First all layers. Where that is too much, every layer is quantized alone, to order them by how
    far that moves the outputs, each in shares of its variance, for PROBED of the pictures; then the
    worst 1, 2, 4, ... are left in float32, up to MOST of them.
    """
    attempts: list[Attempt] = []
    order: list[str] = []
    count, layers = 0, quantizer.layers
    while True:
        say(f"{quantizer.engine}: {count} of {len(layers)} layers in float32")
        quantizer.write(path, order[:count], pictures)
        attempts.append(_attempt(order[:count], judge(opened(path)), reference))
        if attempts[-1].drop <= max_drop:
            return True, tuple(attempts)
        count = max(1, 2 * count)
        if count > MOST * len(layers):
            return False, tuple(attempts)
        if not order:
            probe, damage = pictures[:: -(-len(pictures) // PROBED)], {}
            expected = plain.outputs(probe)
            spreads = [float(output.var(dtype=np.float64)) for output in expected]
            for number, layer in enumerate(layers, 1):
                say(f"{quantizer.engine}: layer {number} of {len(layers)} alone in int8")
                quantizer.write(path, [name for name in layers if name != layer], probe)
                damage[layer] = sum(
                    float(np.square(a - b, dtype=np.float64).mean() / max(spread, 1e-30))
                    for a, b, spread in zip(opened(path).outputs(probe), expected, spreads)
                )
            order = sorted(damage, key=lambda layer: -damage[layer])


def _attempt(floats: Sequence[str], found: Judgement, reference: Judgement) -> Attempt:
    lost = {name: 100 * (was - found.per_class[name]) for name, was in reference.per_class.items()}
    return Attempt(tuple(floats), found.score, 100 * (reference.score - found.score), lost)
