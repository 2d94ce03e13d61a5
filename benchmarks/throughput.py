"""Training steps of ResNet-18 (32x32) and ResNet-50 (224x224) against a plain PyTorch loop.

    python benchmarks/throughput.py [--rounds 8] [--threads 2]

The plain loop is what the framework's tutorials write: the same network, float32, eager, the
framework's own memory layout, SGD with momentum. Hubel's fold runs in the way that tuning keeps,
with compilation tried however long it takes. Both take turns; the figures are medians of steps on
the same pictures in memory.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hubel.networks import create
from hubel.pictures import Preprocess
from hubel.runtime.machine import cores, environment
from hubel.tasks.classify import Classify
from hubel.tasks.losses import cross_entropy
from hubel.training.fit import Trainer
from hubel.training.recipe import Recipe
from hubel.training.tune import AGREEING, tune

RESULT = Path(__file__).parent / "results" / "throughput.json"
CASES = (("resnet18", 32, 10, 128), ("resnet50", 224, 1000, 16))
"""Network, side, classes, batch."""
STEPS = 100_000
"""Of the run that is tuned for: long enough that compiling may pay for itself."""


class Noise(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Random pictures; what is in them does not matter for the time."""

    def __init__(self, side: int, classes: int, count: int) -> None:
        made = torch.Generator().manual_seed(0)
        shape = (count, 3, side, side)
        self.pictures = torch.randint(0, 256, shape, dtype=torch.uint8, generator=made)
        self.targets = torch.randint(0, classes, (count,), generator=made).tolist()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.pictures[i], self.targets[i]


def case(
    name: str, side: int, classes: int, batch: int, rounds: int, threads: int
) -> dict[str, Any]:
    """Both loops on one network."""
    seen = Preprocess((side, side), fit="squash", mean=(0.5,) * 3, std=(0.25,) * 3)
    recipe = Recipe(
        network=name, preprocess=seen, batch=batch, steps=STEPS, threads=threads, tune=True,
        optimizer={"name": "sgd", "lr": 0.01, "momentum": 0.9}, schedule={"name": "constant"},
    )  # fmt: skip
    pictures = Noise(side, classes, AGREEING * batch)
    torch.manual_seed(0)
    network = create(name, classes=classes)
    task = Classify(tuple(map(str, range(classes))), seen, cross_entropy)
    trainer = Trainer(recipe, task, network, pictures, pictures)
    plain_model = copy.deepcopy(trainer.model).to(memory_format=torch.contiguous_format)
    plain_model.train()
    optimizer = torch.optim.SGD(plain_model.parameters(), lr=0.01, momentum=0.9)
    batches = list(itertools.islice(trainer.loader.epoch(0), AGREEING))

    def plain(i: int) -> float:
        began = time.perf_counter()
        x, y = batches[i % AGREEING].pictures, batches[i % AGREEING].targets
        loss = nn.functional.cross_entropy(plain_model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        float(loss.detach())
        return time.perf_counter() - began

    found = tune(recipe, trainer.state, trainer.model, batches, STEPS, compiling=0)
    kept = next(way for way in found.ways if way.recipe == found.recipe)
    compiling = max(way.compiling for way in found.ways)
    plain(0)
    times: dict[str, list[float]] = {"plain": [], "hubel": []}
    for i in range(rounds):
        times["plain"].append(plain(i))
        times["hubel"].append(kept.step(batches[i % AGREEING]))
    medians = {who: statistics.median(each) for who, each in times.items()}
    row = {
        "network": name,
        "side": side,
        "batch": batch,
        "kept": str(kept),
        "said": found.said,
        "ways": {str(way): way.seconds for way in found.ways},
        "compile_seconds": compiling or None,
        "seconds": times,
        "pictures_per_second": {who: batch / seconds for who, seconds in medians.items()},
        "ratio": medians["plain"] / medians["hubel"],
    }
    print(
        f"{name} {side}x{side}, {batch} pictures: plain {medians['plain'] * 1e3:.0f} ms a step, "
        f"Hubel {medians['hubel'] * 1e3:.0f} ms ({kept}): {row['ratio']:.2f} times as fast"
    )
    for sentence in found.said:
        print(f"  {sentence}")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--only", choices=[name for name, *_ in CASES])
    asked = parser.parse_args()
    chosen = [c for c in CASES if asked.only in (None, c[0])]
    rows = [case(*words, asked.rounds, asked.threads) for words in chosen]
    result = {"cases": rows, "threads": asked.threads, "machine": environment()}
    if asked.only is None:
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
