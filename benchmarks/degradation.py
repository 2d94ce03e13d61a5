"""Depth hurts plain networks and not residual ones, judged by training error:

    python benchmarks/degradation.py DATA [--runs runs] [--epochs 5] [--paper]

Plain and residual networks of 20 and 56 layers (He et al. 2015, figure 6) under the recipe
resnet-2015, but that the rate rises to 0.1 over the first fifth and then falls to 0: in a few
epochs the paper's, which starts at 0.1 and is divided at one half and three quarters, is over
before the deep networks have begun to learn. Residual branches start at zero (Goyal et al. 2017),
which only a network with shortcuts can. With --paper both are the paper's.

The training error is that of every fifth training picture, without augmentation, after each epoch;
the test error that of the last weights. Every network is a run of its own: killed and started
again, the same command goes on where it was. --only trains one of them, so that several can be
trained side by side. Writes benchmarks/results/degradation.json and .html, the curves.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from recipes import RESULTS, one

import hubel
from hubel.data import Data
from hubel.report.draw import Curve, plot
from hubel.report.frame import frame
from hubel.report.html import Number, table
from hubel.report.words import percent
from hubel.runtime.files import write_whole
from hubel.runtime.machine import environment
from hubel.training.run import Run

KINDS = {"plain": "Plain networks", "resnet": "Residual networks"}
DEPTHS = {20: "train", 56: "val"}
"""Layers, and their line in the style sheet."""


SHORT: dict[str, Any] = {"schedule": {"name": "triangle", "peak": 0.2}}


def on_its_training_pictures(data: Data) -> Data:
    """The same data, validated on every fifth of the pictures that are trained on."""
    fifth = data.train.take(np.arange(0, len(data.train), 5))
    split = "judged by training error: every fifth of the training pictures, without augmentation"
    return dataclasses.replace(data, val=fifth, split=split)


def losses(run: Run) -> list[tuple[float, float]]:
    """(epochs, loss of one step), every 50 steps."""
    lines = (json.loads(line) for line in (run.path / "metrics.jsonl").open(encoding="utf-8"))
    steps = [line for line in lines if line["event"] == "step"]
    per_epoch = run.results[0]["step"]
    return [(line["step"] / per_epoch, line["loss"]) for line in steps]


def found_in(run: Run, data: Data) -> dict[str, Any]:
    """Errors and times of a finished run."""
    test: Any = hubel.val(run.bundle, data)
    return {
        "train_error": [1 - row["val_top1"] for row in run.results],
        "train_loss": [row["train_loss"] for row in run.results],
        "losses": losses(run),
        "test_error": 1 - test.top1,
        "steps": run.results[-1]["step"],
        "seconds": run.results[-1]["seconds"],
        "threads": run.recipe.threads,
        "seed": run.recipe.seed,
    }


def page(found: dict[str, Any], lead: str) -> str:
    """The curves: plain networks, residual networks, on the same axes."""
    errors = {name: [100 * e for e in row["train_error"]] for name, row in found.items()}
    high = max(max(values) for values in errors.values())
    top = max(loss for row in found.values() for _, loss in [*row["losses"], (0, 1e-12)])
    plots = {"Training error, %": "", "Training loss": ""}
    for kind, title in KINDS.items():
        named = {f"{depth} layers": (f"{kind}{depth}", line) for depth, line in DEPTHS.items()}
        error = [
            Curve(name, line, list(enumerate(errors[run], 1)))
            for name, (run, line) in named.items()
            if run in errors
        ]
        loss = [
            Curve(name, line, found[run]["losses"])
            for name, (run, line) in named.items()
            if run in found
        ]
        plots["Training error, %"] += plot(title, error, high=high)
        plots["Training loss"] += plot(title, loss, high=top)
    parts = {name: f'<div class="plots">{figures}</div>' for name, figures in plots.items()}
    rows = [
        [
            name,
            Number(row["train_error"][-1], percent(row["train_error"][-1], 2)),
            Number(row["test_error"], percent(row["test_error"], 2)),
            Number(row["seconds"], f"{row['seconds']:,.0f}"),
        ]
        for name, row in found.items()
    ]
    head = ["Network", "Training error", "Test error", "Seconds"]
    parts["Figures"] = table(head, rows, caption="Errors of the last weights")
    last = [(f"{name}, training error", percent(errors[name][-1] / 100, 2)) for name in found]
    return frame("Degradation and residual learning", headline(found), lead, last, parts)


def headline(found: dict[str, Any]) -> str:
    """What 36 more layers do to the training error of either kind."""
    said = []
    for kind, title in KINDS.items():
        if f"{kind}20" in found and f"{kind}56" in found:
            few, many = (100 * found[f"{kind}{depth}"]["train_error"][-1] for depth in DEPTHS)
            word = "more" if many > few else "less"
            said.append(
                f"{title} err {abs(many - few):.1f} points {word} with 56 layers than with 20"
            )
    return ". ".join(said) or "Not finished yet"


def main() -> None:
    names = [f"{kind}{depth}" for depth in DEPTHS for kind in KINDS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--epochs", type=float, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--paper", action="store_true", help="the paper's rate and initialization")
    parser.add_argument("--only", choices=names, help="train this one and stop")
    asked = parser.parse_args()
    data = hubel.open_data(asked.data)
    trained = on_its_training_pictures(data)
    found: dict[str, Any] = {}
    machine = environment()
    title, way = "degradation", "a rate that rises and falls, residual branches from zero"
    if asked.paper:
        title, way = "degradation-paper", "the paper's rate and initialization"
    for name in [asked.only] if asked.only else names:
        changes = {"network": name, "epochs": asked.epochs, "threads": asked.threads}
        changes["precision"] = asked.precision
        if not asked.paper:
            changes |= SHORT
            if name.startswith("resnet"):
                changes["words"] = {"init": "identity"}
        run = one("resnet-2015", trained, f"{title}-{name}", asked.runs, changes)
        found[name] = found_in(run, data)
        error = found[name]["train_error"][-1]
        print(f"{name}: training error {error:.2%}", flush=True)
        result = {"data": data.name, "epochs": asked.epochs, "precision": asked.precision}
        result |= {"runs": found, "machine": machine}
        lead = (
            f"{data.name}, {asked.epochs:g} epochs of the recipe resnet-2015 with {way}, one seed. "
            "The training error is that of every fifth training picture, without augmentation."
        )
        write_whole(RESULTS / f"{title}.json", json.dumps(result, indent=2) + "\n")
        write_whole(RESULTS / f"{title}.html", page(found, lead))
    print(headline(found))


if __name__ == "__main__":
    main()
