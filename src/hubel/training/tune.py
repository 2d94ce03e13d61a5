"""The fastest way to compute the same: layout, precision and compilation, measured before a run."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from hubel.data import Batch
from hubel.training import checkpoint
from hubel.training.recipe import LAYOUTS, Recipe
from hubel.training.steps import Gradients, State

SHARE = 0.05
"""Of the run, the most that measuring may take."""
COMPILING = 60.0
"""Seconds that compiling is expected to take; where SHARE of the run is less, it is not tried."""
AGREEING, LEAST, MOST = 2, 2, 8
"""Steps of each way that are compared, and the least and most that are timed."""
LEAD = 0.02
"""Share by which a way must be faster than the one before it."""
LOSSES = {"float32": 1e-3, "bf16": 0.02}
"""Most that losses |l - l0| / |l0| may be from those of the float32, eager way."""
EXACT, NOISE = 1e-3, 0.25
"""Most that the first gradient |g - g0| / |g0| may be from that of the float32, eager way: EXACT in
float32; in bf16 NOISE times as much as the gradient of another batch is from it.
"""

Make = Callable[[nn.Module, Recipe], State]
"""The fold of a recipe around a model, as `Trainer.state` makes it."""


@dataclass
class Way:
    """A way to compute a step, and what it does to a copy of the model."""

    recipe: Recipe
    state: State
    gradient: Tensor = field(default_factory=lambda: torch.zeros(0))
    losses: list[float] = field(default_factory=list)
    first: float = 0.0
    """Seconds of the first step, compilation included."""
    times: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return name(self.recipe)

    @property
    def seconds(self) -> float:
        """Median of the timed steps."""
        return statistics.median(self.times)

    @property
    def compiling(self) -> float:
        """Seconds by which the first step of a compiled way was longer than the others."""
        return max(0.0, self.first - self.seconds) if self.recipe.compile else 0.0

    def step(self, batch: Batch) -> float:
        """One step of the fold; its seconds."""
        began = time.perf_counter()
        for step in self.state.steps:
            step(self.state, batch)
            if isinstance(step, Gradients) and not self.losses:
                grads = (p.grad for p in self.state.model.parameters() if p.grad is not None)
                self.gradient = torch.cat([g.detach().flatten().double().cpu() for g in grads])
        self.losses.append(float(self.state.loss))  # waits for a GPU
        return time.perf_counter() - began

    def differs(self, reference: Way) -> tuple[float, float]:
        """How far the first gradient and the compared losses are from the reference's."""
        gradient = (self.gradient - reference.gradient).norm() / reference.gradient.norm()
        pairs = list(zip(self.losses, reference.losses))[:AGREEING]
        return float(gradient), max(abs(a - b) / max(abs(b), 1e-12) for a, b in pairs)

    def limits(self, noise: float) -> tuple[float, float]:
        """Most that gradient and losses may differ, where another batch's gradient does by
        `noise`.
        """
        precision = self.recipe.precision
        return EXACT if precision == "float32" else NOISE * noise, LOSSES[precision]

    def agrees(self, reference: Way, noise: float) -> bool:
        """Whether both are within the limits; a value that is not a number is not."""
        pairs = zip(self.differs(reference), self.limits(noise))
        return all(value <= limit for value, limit in pairs)


@dataclass(frozen=True)
class Tuned:
    """The recipe that is kept, what was found in sentences, and the ways that were measured."""

    recipe: Recipe
    said: tuple[str, ...]
    ways: tuple[Way, ...] = ()


def name(recipe: Recipe) -> str:
    """A way in words."""
    kind = "compiled" if recipe.compile else "eager"
    return f"{recipe.precision}, {recipe.layout}, {kind}"


def tune(
    recipe: Recipe, make: Make, model: nn.Module, batches: Sequence[Batch], steps: int,
    *, compiling: float = COMPILING,
) -> Tuned:  # fmt: skip
    """Measure on copies of the model, in turns, for about SHARE of a run of `steps` at full size.

    `batches` are AGREEING different batches of the run's own size. First float32 in the recipe's
    layout, float32 in the other layout, and bf16; then, compiled, the fastest of those whose
    numbers agree with the first. Each must win by LEAD, compilation must also pay for itself within
    the run.
    """
    plain = recipe.replace(tune=False, precision="float32", compile=False)
    (other,) = (layout for layout in LAYOUTS if layout != recipe.layout)
    candidates = [
        plain,
        plain.replace(layout=other),
        plain.replace(precision="bf16", layout="channels-last"),
    ]
    rounds = min(MOST, int((SHARE * steps - 1) / len(candidates)) - AGREEING)
    if rounds < LEAST:
        least = int(((LEAST + AGREEING) * len(candidates) + 1) / SHARE)
        return Tuned(plain, (f"{steps} steps are too few to tune, {least} are the least; "
                             f"{name(plain)} is used",))  # fmt: skip
    kept, began = checkpoint.generators(), time.perf_counter()

    def prepared(candidate: Recipe, batches: Sequence[Batch]) -> Way:
        checkpoint.set_generators(kept)
        probe = candidate.replace(sizes=())  # at the side that costs most
        way = Way(candidate, make(copy.deepcopy(model), probe))
        way.first = way.step(batches[0])
        for batch in batches[1:]:
            way.step(batch)
        return way

    try:
        ways = [prepared(candidate, batches) for candidate in candidates]
        reference = ways[0]
        noise = prepared(plain, batches[-1:]).differs(reference)[0]
        _measure(ways, batches, rounds, began, steps)
        said = []
        for way in ways[1:]:
            if not way.agrees(reference, noise):
                said.append(_refusal(way, reference, noise))
        best = _fastest([way for way in ways if way.agrees(reference, noise)])
        seconds, ratio = best.seconds, reference.seconds / best.seconds
        if SHARE * steps * best.seconds < compiling:
            said.append(f"compilation was not tried: it takes about {compiling:.0f} s, more than "
                        f"{SHARE:.0%} of this run")  # fmt: skip
        else:
            try:
                compiled = prepared(best.recipe.replace(compile=True), batches)
            except Exception as error:  # whatever a compiler may raise; the run does without
                said.append(f"compilation is not possible here ({_first_line(error)})")
            else:
                best.times.clear()
                _measure([best, compiled], batches, rounds, time.perf_counter(), steps)
                ways.append(compiled)
                said.append(
                    f"compiled in {compiled.compiling:.0f} s: {compiled.seconds:.3f} s a step "
                    f"against {best.seconds:.3f} s"
                )
                gain = steps * (best.seconds - compiled.seconds)
                if not compiled.agrees(reference, noise):
                    said.append(_refusal(compiled, reference, noise))
                elif gain > compiled.compiling and _fastest([best, compiled]) is compiled:
                    # The two were measured anew, side by side; the machine may be another's by now.
                    ratio *= best.seconds / compiled.seconds
                    best, seconds = compiled, compiled.seconds
    finally:
        checkpoint.set_generators(kept)
    spent = time.perf_counter() - began
    said.insert(0, f"tuned in {spent:.0f} s: {best} at {seconds:.3f} s a step, {ratio:.2f} "
                   f"times as fast as {reference}")  # fmt: skip
    return Tuned(best.recipe, tuple(said), tuple(ways))


def _measure(
    ways: Sequence[Way], batches: Sequence[Batch], rounds: int, began: float, steps: int
) -> None:
    """Time the ways in turns, so that what else the machine does falls on all of them; no new turn
    after SHARE of the run as the fastest would take it.
    """
    for i in range(rounds):
        for way in ways:
            way.times.append(way.step(batches[i % len(batches)]))
        limit = SHARE * steps * min(way.seconds for way in ways)
        if i + 1 >= LEAST and time.perf_counter() - began > limit:
            break


def _fastest(ways: Sequence[Way]) -> Way:
    """The first, unless another is faster by LEAD."""
    found = min(ways, key=lambda way: way.seconds)
    return found if found.seconds < ways[0].seconds * (1 - LEAD) else ways[0]


def _refusal(way: Way, reference: Way, noise: float) -> str:
    (gradient, loss), (most, loss_most) = way.differs(reference), way.limits(noise)
    return (
        f"{way} is not used: its gradient differs by {gradient:.2g}, its losses by {loss:.2g}; "
        f"allowed are {most:.2g} and {loss_most:.2g}"
    )


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
