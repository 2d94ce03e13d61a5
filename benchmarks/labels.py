"""How many planted label errors are among the most suspected: confident learning, out of fold.

    HUBEL_DATA=... python benchmarks/labels.py mnist
    HUBEL_DATA=... python benchmarks/labels.py cifar10

3 % of the training labels are flipped at random to another class. The pictures are split into
folds; each fold is answered by a network trained on the others, and the 100 most suspected labels
are compared with those that were flipped. The goals are 95 of 100 on MNIST and 80 on CIFAR-10
(minutes both). Answers of finished folds are kept under --runs, so that it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hubel import recipes
from hubel.analysis.labels import suspects
from hubel.data import Pictures, decode, open_data
from hubel.networks import create
from hubel.runtime.machine import environment
from hubel.tasks.classify import Classify
from hubel.tasks.losses import cross_entropy
from hubel.training.fit import Trainer

FLIPPED = 0.03
RECIPES: dict[str, tuple[str, float, dict[str, Any]]] = {
    "mnist": ("digits", 2.0, {"batch": 128}),
    "cifar10": ("speed", 3.0, {"precision": "bf16", "tune": False}),
    "digits": ("digits", 12.0, {}),
}
GOALS = {"mnist": 95, "cifar10": 80}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", choices=RECIPES)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("runs/labels"))
    given = parser.parse_args()
    page, epochs, changes = RECIPES[given.data]
    epochs = given.epochs or epochs
    recipe = recipes.load(page).replace(
        epochs=epochs, steps=None, seed=given.seed, threads=given.threads, **changes
    )
    data = open_data(given.data)
    pictures, _ = decode(data.train, recipe.seen)
    rng = np.random.default_rng(given.seed)
    truths = np.asarray(pictures.targets)
    flipped = rng.choice(len(truths), round(FLIPPED * len(truths)), replace=False)
    labels = truths.copy()
    labels[flipped] += rng.integers(1, len(data.classes), len(flipped))
    labels %= len(data.classes)

    probabilities = np.empty((len(labels), len(data.classes)), np.float32)
    folds = np.array_split(rng.permutation(len(labels)), given.folds)
    minutes = []
    for number, held in enumerate(folds, 1):
        name = f"{given.data}-{page}-{epochs:g}-epochs-seed-{given.seed}"
        path = given.runs / f"{name}-{number}-of-{given.folds}.npz"
        if path.exists():
            with np.load(path) as saved:
                probabilities[held], spent = saved["probabilities"], saved["minutes"]
            minutes.append(float(spent))
            continue
        began = time.perf_counter()
        kept = np.sort(np.concatenate([fold for fold in folds if fold is not held]))
        torch.manual_seed(given.seed)
        network = create(recipe.network, classes=len(data.classes), channels=recipe.seen.channels)
        task = Classify(data.classes, recipe.seen, cross_entropy)
        parts = (_take(pictures, labels, kept), _take(pictures, labels, held))
        trainer = Trainer(recipe, task, network, *parts)
        state = trainer.state(trainer.model)
        while state.step < state.total:
            for batch in trainer.loader.epoch(state.step // trainer.loader.steps):
                for step in state.steps:
                    step(state, batch)
                state.step += 1
                if state.step == state.total:
                    break
        outcome, _ = task.evaluate(state.scored, trainer.val_loader, trainer.names())
        probabilities[held] = outcome.probabilities
        minutes.append((time.perf_counter() - began) / 60)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, probabilities=outcome.probabilities, minutes=minutes[-1])
        print(f"fold {number} of {given.folds}: {outcome.top1:.2%} of the given labels", flush=True)

    found = suspects(probabilities, labels)
    hits = {n: float(np.isin(found.places[:n], flipped).mean()) for n in (50, 100, len(flipped))}
    result = {
        "data": given.data,
        "network": recipe.network,
        "epochs": recipe.epochs,
        "folds": given.folds,
        "flipped": len(flipped),
        "suspected": len(found.places),
        "truly flipped among the most suspected": hits,
        "suggested class right": float((found.suggested == truths[found.places])[:100].mean()),
        "minutes": [round(spent, 1) for spent in minutes],
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(result, indent=1))
    kept = Path(__file__).parent / "results" / f"labels-{given.data}.json"
    kept.write_text(json.dumps(result | {"machine": environment()}, indent=1) + "\n", "utf-8")
    return 0 if 100 * hits[100] >= GOALS.get(given.data, 0) else 1


def _take(pictures: Pictures, labels: NDArray[np.int64], places: NDArray[np.int64]) -> Pictures:
    return replace(
        pictures,
        arrays=pictures.arrays[places],
        targets=labels[places],
        names=[pictures.names[i] for i in places],
    )


if __name__ == "__main__":
    raise SystemExit(main())
