"""Compound scaling: how many times the depth, the width and the size of the pictures.

Tan, Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", arXiv
1905.11946, section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hubel.analysis.compare import Entry

PARTS = 4
BUDGET = 1.1
"""Rounding makes networks larger than asked for: up to so many times the cost is within it."""


@dataclass(frozen=True)
class Factors:
    """alpha, beta and gamma of equation 3: factors of the depth, the width and the size."""

    depth: float = 1.0
    width: float = 1.0
    size: float = 1.0

    def __pow__(self, phi: float) -> Factors:
        return Factors(self.depth**phi, self.width**phi, self.size**phi)

    @property
    def cost(self) -> float:
        """How many times the MACs by the rule: depth * width^2 * size^2."""
        return self.depth * self.width**2 * self.size**2

    def __str__(self) -> str:
        """In the words of the figures."""
        return f"depth x{self.depth:.3g}, width x{self.width:.3g}, size x{self.size:.3g}"


SINGLE = {"depth": Factors(depth=2), "width": Factors(width=2**0.5), "size": Factors(size=2**0.5)}
"""All of a doubling of the cost given to one of the three."""


def grid(parts: int = PARTS) -> list[Factors]:
    """The ways to spend a doubling of the cost, in `parts` equal parts, on the three: with shares
    a + b + c = 1 alpha = 2^a, beta = 2^(b/2), gamma = 2^(c/2), so that alpha beta^2 gamma^2 = 2.
    """
    shares = ((a, b, parts - a - b) for a in range(parts + 1) for b in range(parts + 1 - a))
    return [
        Factors(2 ** (a / parts), 2 ** (b / parts / 2), 2 ** (c / parts / 2)) for a, b, c in shares
    ]


@dataclass(frozen=True)
class Member:
    """A scaled network, trained: the factors asked for, the words and the side in pixels that they
    come to, parameters and MACs by the static account, and what was measured: the answers of each
    seed, milliseconds for one picture (NaN where not measured), seconds of an epoch.
    """

    factors: Factors
    words: Mapping[str, Any]
    size: int
    params: int
    macs: int
    answers: Entry
    latency: float
    epoch: float

    @property
    def score(self) -> float:
        """Mean top-1 over the seeds, 0..1."""
        return self.answers.score
