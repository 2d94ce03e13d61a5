"""gradients: how gradients and activations live from layer to layer, at the start and later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hubel.data import Data
from hubel.explain.flow import Course, Flow, flow
from hubel.networks import create
from hubel.report.curves import write_gradients
from hubel.runtime.names import bound
from hubel.tasks.classify import Classify
from hubel.tasks.losses import LOSSES
from hubel.training.checkpoint import seed_generators
from hubel.training.fit import Trainer
from hubel.verbs.choose import choose
from hubel.verbs.gather import gather
from hubel.verbs.show import ablation_words

MOMENTS = 4


def gradients(
    networks: str | Sequence[str],
    data: str | os.PathLike[str] | Data,
    *,
    steps: int = 100,
    out: str | os.PathLike[str] | None = None,
    **changes: Any,
) -> list[Course]:
    """Train each network for `steps` steps and measure every layer at MOMENTS + 1 of them.

    `networks`: names, with words of the family behind commas: "vgg11,act=sigmoid". Each is trained
    by the recipe that `hubel train` would choose; `changes` are fields of it, and `lr` and `size`.
    The measured batch stays the same. `out`: a page to write. Needs torch; leaves no run.
    """
    if steps < 1:
        raise ValueError(f"steps={steps}: at least 1 step is needed")
    names = [networks] if isinstance(networks, str) else list(networks)
    courses = [_course(name, data, {**changes, "steps": steps}) for name in names]
    if out is not None:
        write_gradients(Path(out), courses)
    return courses


def _course(text: str, data: Any, changes: dict[str, Any]) -> Course:
    name, *given = text.split(",")
    words = ablation_words(name, given)
    recipe = choose(data, name, None, words, False, changes)
    gathered = gather(recipe, data, None, False)
    if gathered.data:
        gathered.data.one_each("gradients takes data with one class a picture")
    seed_generators(recipe.seed)
    count, channels = len(gathered.classes), recipe.seen.channels
    network = create(name, classes=count, channels=channels, **words)
    task = Classify(gathered.classes, recipe.seen, bound("loss", LOSSES, recipe.loss))
    trainer = Trainer(recipe, task, network, gathered.train, gathered.val)
    state = trainer.state(trainer.model)
    measured = next(iter(trainer.loader.epoch(0)))
    x, y = (t.to(trainer.device) for t in (measured.pictures, measured.targets))
    total = trainer.steps
    when = set(np.linspace(0, total, min(MOMENTS, total) + 1).round().astype(int).tolist())
    losses: list[float] = []
    moments: list[tuple[int, tuple[Flow, ...]]] = []

    def measure() -> None:
        if state.step in when:
            layers = flow(state.model, lambda model: task.objective(model, x, y))
            named = [replace(f, layer=f.layer.removeprefix("network.")) for f in layers]
            # Auxiliary heads have their say in the gradients; with and without them the layers of
            # the way to the logits are the same.
            way = tuple(f for f in named if not f.layer.startswith("aux."))
            moments.append((state.step, way))

    measure()
    while state.step < total:
        for batch in trainer.loader.epoch(state.step // trainer.loader.steps):
            for step in state.steps:
                step(state, batch)
            state.step += 1
            losses.append(float(state.loss))
            measure()
            if state.step == total:
                break
    return Course(text, tuple(losses), tuple(moments))
