"""The gate that int8 has to pass: how much worse it may answer than float32, in its own engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hubel.export.quantize import Quantizer
from hubel.runtime.engines import Session

MOST = 0.5
"""Share of the layers that may stay in float32; a graph with more of them is no int8 graph."""
DISCORDANT = 6
"""Pictures that only one of two networks answers right, all of them in favour of one, from which
on that is no chance: 2 * 0.5**6 < 0.05, a sign test.
"""


@dataclass(frozen=True)
class Judgement:
    """A score on the validation pictures, 0..1, and each class's share that was answered right."""

    score: float
    per_class: Mapping[str, float]


@dataclass(frozen=True)
class Attempt:
    """Int8 with these layers left in float32: its score, and what it lost, in points of 0..100."""

    floats: tuple[str, ...]
    score: float
    drop: float
    worst: tuple[str, float]
    """The class that lost most, and how much; "" without classes."""
    per_class: Mapping[str, float]
    """What each class lost."""


@dataclass(frozen=True)
class Passed:
    """The file that passed, or None, and all that was tried on the way."""

    path: Path | None
    attempts: tuple[Attempt, ...]


def smallest_drop(pictures: int) -> float:
    """The smallest drop, in points, that so many pictures can show to be more than chance."""
    return 100.0 * DISCORDANT / pictures


def through_the_gate(
    quantizer: Quantizer,
    path: Path,
    *,
    reference: Judgement,
    judge: Callable[[Path], Judgement],
    opened: Callable[[Path], Session],
    probe: np.ndarray,
    expected: Sequence[np.ndarray],
    max_drop: float,
    say: Callable[[str], object] = lambda text: None,
) -> Passed:
    """Quantize until the score drops by no more than `max_drop` points.

    First all layers. Where that is too much: each layer alone is quantized, and they are ordered by
    how far the outputs for the pictures `probe` move from the `expected`; then the worst 1, 2, 4,
    ... are left in float32, up to half of all.
    """
    attempts: list[Attempt] = []
    order: list[str] = []
    count = 0
    while True:
        floats = order[:count]
        say(f"int8 with {count} of {len(quantizer.layers)} layers in float32")
        quantizer.write(path, floats)
        attempts.append(_attempt(floats, judge(path), reference))
        if attempts[-1].drop <= max_drop:
            return Passed(path, tuple(attempts))
        count = max(1, 2 * count)
        if count > MOST * len(quantizer.layers):
            return Passed(None, tuple(attempts))
        if not order:
            order = _by_damage(quantizer, path, opened, probe, expected, say)


def _attempt(floats: Sequence[str], found: Judgement, reference: Judgement) -> Attempt:
    lost = {
        name: 100 * (share - found.per_class[name]) for name, share in reference.per_class.items()
    }
    worst = max(lost.items(), key=lambda item: item[1], default=("", 0.0))
    return Attempt(tuple(floats), found.score, 100 * (reference.score - found.score), worst, lost)


def _by_damage(
    quantizer: Quantizer,
    path: Path,
    opened: Callable[[Path], Session],
    probe: np.ndarray,
    expected: Sequence[np.ndarray],
    say: Callable[[str], object],
) -> list[str]:
    """The layers, the one whose quantization alone moves the outputs most first."""
    damage = {}
    for number, layer in enumerate(quantizer.layers, 1):
        say(f"asking layer {number} of {len(quantizer.layers)}")
        quantizer.write(path, [name for name in quantizer.layers if name != layer])
        found = opened(path).run(probe)
        damage[layer] = sum(float(np.square(a - b).mean()) for a, b in zip(found, expected))
    return sorted(damage, key=lambda layer: -damage[layer])
