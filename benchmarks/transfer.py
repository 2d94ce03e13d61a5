"""Transfer against training from scratch: python benchmarks/transfer.py CIFAR10 [HYMENOPTERA].

ResNet-14 is trained on five classes of CIFAR-10 (airplane, automobile, bird, cat, deer). Then 50
pictures of each of the other five are drawn, and the network learns these classes three ways: as a
new head on frozen features, by fine-tuning, and from scratch. The score is that of the 5,000 test
pictures of these classes, over several draws. With HYMENOPTERA the ants and bees as well: from the
same run, from a file of its tensors under timm's names, and from scratch.

Every training is a run under --runs. Killed and started again, it goes on where it was. The
figures go to benchmarks/results/transfer.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

import hubel
from hubel.data import Data, Source, open_data
from hubel.networks import create
from hubel.runtime.machine import environment
from hubel.training.run import Run
from hubel.verbs.origin import weights_file

RESULT = Path(__file__).parent / "results" / "transfer.json"
FIRST = ("airplane", "automobile", "bird", "cat", "deer")
OTHERS = ("dog", "frog", "horse", "ship", "truck")
WAYS: dict[str, dict[str, Any]] = {
    # Where in the picture a feature is tells other classes apart better than its mean does.
    "features": {
        "recipe": "features", "views": 16, "words": {"head": "dense"}, "lr": 0.001, "decay": 5.0
    },
    "finetune": {"recipe": "finetune", "lr": 0.05},
    "scratch": {"recipe": "resnet14", "batch": 32, "epochs": 80, "lr": 0.05, "sizes": ()},
}  # fmt: skip
"""Settings were chosen on two draws of their own, numbers 100 and 101."""
COUNT = 50
"""Training pictures of each of the other classes."""
SIDE = 64
"""Of the photographs, in pixels."""


def only(source: Source, classes: tuple[str, ...], among: slice, seed: int = 0) -> Source:
    """The pictures of these classes, of each those `among` its pictures in an order by the seed."""
    draw = np.random.default_rng(seed)
    places = [np.flatnonzero(source.targets == source.classes.index(name)) for name in classes]
    kept = [draw.permutation(found)[among] for found in places]
    targets = np.repeat(np.arange(len(classes)), [len(found) for found in kept])
    return replace(source.take(np.concatenate(kept)), classes=classes, targets=targets)


def part(data: Data, classes: tuple[str, ...], count: int | None = None, seed: int = 0) -> Data:
    """The data of these classes alone; with a count so many pictures of each to train on, and ten
    others to look at after each epoch instead of thousands.
    """
    words = f"{data.fingerprint} {classes} {count} {seed}"
    fingerprint = hashlib.sha256(words.encode()).hexdigest()
    train = only(data.train, classes, slice(count), seed)
    val = only(data.val, classes, slice(None))
    if count:
        val = only(data.train, classes, slice(count, count + 10), seed)
    return replace(data, classes=classes, train=train, val=val, test=None, fingerprint=fingerprint)


def trained(data: Any, name: str, runs: Path, **words: Any) -> Run:
    """The finished run of that name, from wherever it is."""
    path = runs / "classify" / name
    if (path / "recipe.yaml").exists():
        return hubel.train(data, resume=path, progress="lines")
    return hubel.train(data, runs=runs, name=name, progress="lines", **words)


TIMM = (
    (r"^stem\.0\.0\.conv", "conv1"),
    (r"^stem\.0\.0\.norm", "bn1"),
    (r"^stages\.(\d)\.(\d)\.body\.(\d)\.conv", "layer{0}.{b}.conv{2}"),
    (r"^stages\.(\d)\.(\d)\.body\.(\d)\.norm", "layer{0}.{b}.bn{2}"),
    (r"^stages\.(\d)\.(\d)\.shortcut\.conv", "layer{0}.{b}.downsample.0"),
    (r"^stages\.(\d)\.(\d)\.shortcut\.norm", "layer{0}.{b}.downsample.1"),
    (r"^head\.0\.0\.2", "fc"),
)
"""Names of a CIFAR ResNet's tensors here and in timm, which counts stages and layers from 1."""


def timm_name(name: str) -> str:
    """stages.1.0.body.0.conv.weight -> layer2.0.conv1.weight."""
    for expression, form in TIMM:
        if found := re.match(expression, name):
            numbers = [int(number) + 1 for number in found.groups()]
            block = found[2] if len(numbers) > 1 else ""
            return form.format(*numbers, b=block) + name[found.end() :]
    raise ValueError(f"{name}: not a tensor of a CIFAR ResNet")


def as_of_timm(run: Run) -> Path:
    """A file of the run's tensors under timm's names, as it would come from elsewhere."""
    file = run.path / "as-of-timm.pth"
    tensors = load_file(weights_file(run.path))
    order = create(run.recipe.network).state_dict()  # a .safetensors file has them by name
    torch.save({timm_name(name): tensors[name] for name in order}, file)
    return file


def summary(scores: list[float]) -> dict[str, Any]:
    """Mean and deviation over the draws or seeds."""
    spread = statistics.stdev(scores) if len(scores) > 1 else None
    return {"mean": statistics.mean(scores), "deviation": spread, "top1": scores}


def cifar(whole: Data, first: Run, asked: argparse.Namespace) -> dict[str, Any]:
    """The three ways to the other five classes: {way: summary}."""
    test, found = part(whole, OTHERS), {}
    for way, words in WAYS.items():
        weights = {} if way == "scratch" else {"weights": str(first.path)}
        scores = []
        for draw in range(asked.draws):
            few = part(whole, OTHERS, COUNT, draw)
            words = {**words, **weights, "seed": draw, "threads": asked.threads}
            run = trained(few, f"{way}-{draw}", asked.runs, **words)
            scores.append(hubel.val(run.bundle, test, engine_threads=asked.threads).top1)
            print(f"{way}, draw {draw}: top-1 {scores[-1]:.2%}", flush=True)
        found[way] = summary(scores) | {"seconds": run.results[-1]["seconds"]}
    return found


def photographs(where: str, first: Run, asked: argparse.Namespace) -> dict[str, Any]:
    """Ants and bees, 153 photographs to score on: {way: summary}."""
    given = first.recipe
    seen = {
        "network": given.network,
        "preprocess": replace(given.seen, size=(SIDE, SIDE)),
        "augment": given.augment,
    }
    ways: dict[str, dict[str, Any]] = {
        "own run": {"recipe": "finetune", "weights": str(first.path), "size": SIDE},
        "timm file": {"recipe": "finetune", "weights": str(as_of_timm(first)), **seen},
        "features": {"recipe": "features", "weights": str(first.path), "size": SIDE},
        "scratch": {"recipe": "resnet14", "size": SIDE, "epochs": 40, "lr": 0.05},
    }
    found = {}
    for way, words in ways.items():
        scores = []
        for seed in range(asked.seeds):
            words = {**words, "batch": 16, "seed": seed, "threads": asked.threads}
            run = trained(where, f"hymenoptera-{way}-{seed}".replace(" ", "-"), asked.runs, **words)
            scores.append(run.scores["val_top1"])
            print(f"hymenoptera, {way}, seed {seed}: top-1 {scores[-1]:.2%}", flush=True)
        found[way] = summary(scores) | {"seconds": run.results[-1]["seconds"]}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cifar10")
    parser.add_argument("hymenoptera", nargs="?")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3, help="of the ants and bees")
    parser.add_argument("--epochs", type=float, default=16, help="of the training on five classes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    asked = parser.parse_args()
    whole = open_data(asked.cifar10)
    words: dict[str, Any] = {"recipe": "resnet14", "epochs": asked.epochs}
    words["threads"] = asked.threads
    first = trained(part(whole, FIRST), "five-classes", asked.runs, **words)
    result: dict[str, Any] = {
        "first": {"classes": FIRST, "epochs": asked.epochs, **first.scores},
        "others": {"classes": OTHERS, "pictures_per_class": COUNT, "draws": asked.draws},
        "cifar10": cifar(whole, first, asked),
    }
    if asked.hymenoptera:
        result["hymenoptera"] = photographs(asked.hymenoptera, first, asked)
    result["machine"] = environment()
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name in ("cifar10", "hymenoptera"):
        for way, row in result.get(name, {}).items():
            print(f"{name}, {way}: {row['mean']:.2%}, deviation {row['deviation'] or 0:.2%}")


if __name__ == "__main__":
    main()
