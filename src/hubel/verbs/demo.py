"""demo: LeNet-5 on real handwritten digits, from pictures to answers, in under a minute."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hubel.data import open_data
from hubel.runtime.predictor import Answer, load
from hubel.training.run import Run
from hubel.verbs.train import train

LEAST = 0.97
"""Below this accuracy on held-out digits something is broken on this machine."""


@dataclass(frozen=True)
class Demo:
    """The run, and what its bundle answered for pictures that the training never saw."""

    run: Run
    answers: tuple[tuple[str, Answer], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        answers = [{"truth": truth, **asdict(answer)} for truth, answer in self.answers]
        return {**self.run.to_dict(), "answers": answers}


def demo(
    *, runs: str | Path = "runs", seed: int = 0, progress: str = "auto", shown: int = 8
) -> Demo:
    """Train on scikit-learn's 1,797 digits, then ask the bundle about `shown` held-out ones
    through ONNX Runtime.

    ValueError if fewer than 97 % of the held-out digits are answered right.
    """
    run = train(
        "digits", recipe="digits", seed=seed, split=seed, runs=runs, name="demo", progress=progress
    )
    if run.scores["val_top1"] < LEAST:
        raise ValueError(
            f"{run.scores['val_top1']:.2%} of the held-out digits were answered right, expected at "
            f"least {LEAST:.0%}; run `hubel doctor` and see {run.report}"
        )
    unseen = open_data("digits", seed=seed, val=run.recipe.val)
    predictor = load(run.bundle)
    step = max(1, len(unseen.val.names) // shown)
    chosen = range(0, len(unseen.val.names), step)[:shown]
    truths = [unseen.classes[int(unseen.val.targets[i])] for i in chosen]
    answers = predictor.stream(unseen.val.read(i) for i in chosen)
    return Demo(run, tuple(zip(truths, answers)))
