"""Time to airbench's accuracy on CIFAR-10: the recipe `speed` against airbench94_muon.

    python benchmarks/speed.py DATA --slices --peer PATH [--threads 2]
    python benchmarks/speed.py DATA --accuracy SEED [--threads 2]
    python benchmarks/speed.py DATA --peer-accuracy SEED --peer PATH [--threads 2]

PATH is a checkout of KellerJordan/cifar10-airbench. Its own `main` runs, with its own network,
optimizer and loader, on the pictures that Hubel decoded; only what a processor needs is patched at
run time: float32 in place of half, no CUDA timers, torchvision's one function. As there, compiling
is not counted. For Hubel everything from the decoded pictures on is counted: tuning, whitening,
compilation where it is chosen, and the final test-time views, which are the same six.

--slices takes turns in one process: after every step of the peer one step of Hubel at every side of
the pictures, tuned and in float32. Medians of the steps times their number are the seconds of a
run. --accuracy is a whole run, killed and started again from where it was.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib.util
import itertools
import json
import statistics
import subprocess
import sys
import time
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import hubel
from hubel.runtime.machine import cores, environment
from hubel.tasks.views import VIEWS
from hubel.training import checkpoint
from hubel.training.fit import PRECISIONS, Trainer
from hubel.training.run import Run
from hubel.verbs.choose import choose
from hubel.verbs.gather import Gathered, gather
from hubel.verbs.train import trainer_for

RESULT = Path(__file__).parent / "results" / "speed.json"
ACCURACY, VIEWED = 0.899, 0.906
"""What airbench94_muon reaches on the JPEG copy, without and with its six views."""
BATCHES = 2
"""Of the peer in an epoch of --slices: its 8 epochs go through all it does in 16 steps."""


# ---------------------------------------------------------------------------------------- Hubel


def prepared(data: str, threads: int, **changes: Any) -> tuple[Trainer, Gathered]:
    """The recipe with its decoded pictures and its network."""
    recipe = choose(data, None, "speed", None, False, {"threads": threads, **changes})
    gathered = gather(recipe, data, None, False)
    return trainer_for(recipe, gathered, None, None), gathered


def viewed(trainer: Trainer, model: Any, views: str, count: int | None = None) -> float:
    """Top-1 of the model with these views, in the precision of the recipe."""
    val = trainer.val if count is None else _First(trainer.val, count)
    names = [str(i) for i in range(len(val))]
    loader = hubel_loader(val)
    precision = PRECISIONS[trainer.recipe.precision]
    with torch.autocast(trainer.device.type, precision, precision != torch.float32):
        return trainer.task.evaluate(model, loader, names, views=VIEWS[views])[0].top1


def hubel_loader(val: Any) -> Any:
    from hubel.data import Loader

    return Loader(val, batch=250, shuffle=False, drop_last=False, seed=0)


class _First:
    """The first `count` pictures."""

    def __init__(self, pictures: Any, count: int) -> None:
        self.pictures, self.count = pictures, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Any:
        return self.pictures[i]


def accuracy(data: str, seed: int, threads: int, runs: Path) -> dict[str, Any]:
    """A whole run of the recipe, and its scores."""
    name = f"speed-{seed}"
    path = runs / "classify" / name
    if (path / "recipe.yaml").exists():
        run = hubel.train(resume=path)
    else:
        run = hubel.train(data, recipe="speed", runs=runs, name=name, seed=seed, threads=threads)
    changes = {"precision": run.recipe.precision, "tune": False, "seed": seed}
    trainer, _ = prepared(data, threads, **changes)
    state = checkpoint.load(Run(path).checkpoints / "last.pt")
    trainer.model.load_state_dict(state["model"])
    began = time.perf_counter()
    with_views = viewed(trainer, trainer.model, "mirror-translate")
    seconds = time.perf_counter() - began
    spent = state["position"]["spent"]
    return {
        "seed": seed,
        "top1": viewed(trainer, trainer.model, "plain"),
        "top1_views": with_views,
        "mode": f"{run.recipe.precision}, {run.recipe.layout}, compile={run.recipe.compile}",
        "epochs": run.recipe.epochs,
        "seconds_training": spent["load"] + spent["compute"],
        "seconds_views": seconds,
        "threads": threads,
    }


class Slices:
    """One step at every side of the pictures, whenever it is called; seconds by way and side."""

    def __init__(self, data: str, threads: int, **changes: Any) -> None:
        self.trainer, self.gathered = prepared(data, threads, **changes)
        began = time.perf_counter()
        found = self.trainer.tune()
        self.tuning = time.perf_counter() - began
        self.said = found.said
        tuned = found.recipe
        self.ways = {"hubel": tuned, "hubel float32": tuned.replace(precision="float32")}
        if tuned.precision == "float32":
            del self.ways["hubel float32"]
        self.states = {}
        for way, recipe in self.ways.items():
            model = copy.deepcopy(self.trainer.model)
            self.states[way] = self.trainer.state(model, recipe)
        self.batches = itertools.chain.from_iterable(
            self.trainer.loader.epoch(e) for e in itertools.count()
        )
        shares = [0.0, *(share for share, _ in tuned.sizes), 1.0]
        self.at = [(a + b) / 2 for a, b in itertools.pairwise(shares)]
        self.steps = [(b - a) * self.trainer.steps for a, b in itertools.pairwise(shares)]
        self.times: dict[tuple[str, int], list[float]] = defaultdict(list)

    def __call__(self) -> None:
        for way, state in self.states.items():
            for phase, share in enumerate(self.at):
                state.step = int(share * state.total)
                began = time.perf_counter()
                batch = next(self.batches)
                for step in state.steps:
                    step(state, batch)
                float(state.loss)
                self.times[way, phase].append(time.perf_counter() - began)

    def seconds(self, way: str) -> dict[str, Any]:
        """Of a whole run: by side of the pictures, and of the final views."""
        self.trainer.recipe = self.ways[way]
        count = 1000
        viewed(self.trainer, self.states[way].model, "plain", count)  # warm
        began = time.perf_counter()
        viewed(self.trainer, self.states[way].model, "mirror-translate", count)
        views = (time.perf_counter() - began) * len(self.trainer.val) / count
        # The first two steps of each are left out: kernels are chosen, or compiled, in them.
        each = [statistics.median(self.times[way, phase][2:]) for phase in range(len(self.at))]
        training = sum(count * seconds for count, seconds in zip(self.steps, each))
        tuning = self.tuning if way == "hubel" else 0.0
        return {
            "step_seconds": each,
            "steps": self.steps,
            "training": training,
            "per_epoch": training / self.trainer.recipe.epochs,
            "views": views,
            "tuning": tuning,
            "total": training + views + tuning,
        }


# ---------------------------------------------------------------------------------------- the peer


def peer_module(path: Path) -> Any:
    """The peer's script as a module, with what it takes from torchvision and CUDA put in place."""
    vision, transforms = types.ModuleType("torchvision"), types.ModuleType("torchvision.transforms")
    transforms.Normalize = _Normalize  # type: ignore[attr-defined]
    vision.transforms = transforms  # type: ignore[attr-defined]
    script = path / "airbench94_muon.py"
    if not script.is_file():
        raise SystemExit(f"{script}: not there; give --peer a checkout of cifar10-airbench")
    spec = importlib.util.spec_from_file_location("airbench94_muon", script)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{script} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    kept, argv = dict(sys.modules), sys.argv
    sys.modules |= {"torchvision": vision, "torchvision.transforms": transforms}
    sys.argv = [str(script)]  # the script reads its own text
    try:
        spec.loader.exec_module(module)
    finally:
        sys.argv = argv
        for name in ("torchvision", "torchvision.transforms"):
            if name in kept:
                sys.modules[name] = kept[name]
            else:
                del sys.modules[name]
    torch.cuda.Event = _Event  # type: ignore[misc]
    torch.cuda.synchronize = lambda *a: None  # type: ignore[assignment]
    return module


class _Normalize:
    def __init__(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        self.mean, self.std = mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.std


class _Event:
    """What a CUDA event measures, by the processor's clock."""

    def __init__(self, **words: Any) -> None:
        self.at = 0.0

    def record(self) -> None:
        self.at = time.perf_counter()

    def elapsed_time(self, other: _Event) -> float:
        return 1e3 * (other.at - self.at)


def peer_loader(
    peer: Any,
    gathered: Gathered,
    limit: int | None,
    between: Callable[[], None],
    times: list[float],
) -> type:
    """The peer's loader on these pictures; `between` runs after every training step, untimed."""

    class Loader(peer.CifarLoader):  # type: ignore[name-defined, misc]
        def __init__(
            self, path: str, train: bool = True, batch_size: int = 500, aug: Any = None
        ) -> None:
            pictures = gathered.train if train else gathered.val
            count = len(pictures) if limit is None else limit
            images = torch.from_numpy(np.array(pictures.arrays[:count]))
            self.images = (images.float() / 255).permute(0, 3, 1, 2)
            self.images = self.images.to(memory_format=torch.channels_last)
            self.labels = torch.from_numpy(np.array(pictures.targets[:count]))
            self.classes = gathered.classes
            self.normalize = _Normalize(peer.CIFAR_MEAN, peer.CIFAR_STD)
            self.proc_images: dict[str, torch.Tensor] = {}
            self.epoch, self.aug = 0, aug or {}
            self.batch_size = batch_size if limit is None else count // BATCHES
            self.drop_last = self.shuffle = train

        def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            made = super().__iter__()
            while True:
                began = time.perf_counter()
                try:
                    batch = next(made)
                except StopIteration:
                    return
                yield batch
                times.append(time.perf_counter() - began)
                between()

    return Loader


def peer_run(
    peer: Any, gathered: Gathered, limit: int | None, between: Callable[[], None]
) -> dict[str, Any]:
    """The peer's own `main`: seconds of every step and of the final views, and its accuracy."""
    times: list[float] = []
    peer.CifarLoader = peer_loader(peer, gathered, limit, between, times)
    scores: list[tuple[int, float, float]] = []
    evaluate = peer.evaluate

    def timed(model: Any, loader: Any, tta_level: int = 0) -> float:
        began = time.perf_counter()
        score = evaluate(model, loader, tta_level)
        scores.append((tta_level, time.perf_counter() - began, score))
        return score

    peer.evaluate = timed
    model = peer.CifarNet().float().to(memory_format=torch.channels_last)
    model.compile()
    peer.main(0, model)
    count = len(gathered.val) if limit is None else limit
    final = next(score for score in scores if score[0] == 2)
    return {
        "steps": times,
        "views": final[1] * len(gathered.val) / count,
        "top1": scores[-2][2],
        "top1_views": final[2],
    }


def slices(data: str, path: Path, threads: int) -> dict[str, Any]:
    """Steps of both in turns, and what a whole run of each would take."""
    torch.set_num_threads(threads)
    hubel_steps = Slices(data, threads)
    peer = peer_module(path)
    torch.manual_seed(0)
    found = peer_run(peer, hubel_steps.gathered, 2000 * BATCHES, hubel_steps)
    # Its whitening bias is trained in the first 3 of 8 epochs; each half begins with a compilation.
    first, second = found["steps"][: 3 * BATCHES], found["steps"][3 * BATCHES :]
    each = [statistics.median(first[2:]), statistics.median(second[2:])]
    training = 75 * each[0] + 125 * each[1]
    rows = {
        "peer": {
            "step_seconds": each,
            "steps": [75, 125],
            "training": training,
            "per_epoch": training / 8,
            "views": found["views"],
            "total": training + found["views"],
        }
    }
    rows |= {way: hubel_steps.seconds(way) for way in hubel_steps.ways}
    for way, row in rows.items():
        ratio = row["total"] / rows["peer"]["total"]
        row["ratio"] = ratio
        print(f"{way:14} {row['per_epoch']:7.1f} s an epoch, {row['training']:7.0f} s of training, "
              f"{row['views']:5.1f} s of views, {row['total']:7.0f} s in all: {ratio:.3f} of the "
              "peer's")  # fmt: skip
    for sentence in hubel_steps.said:
        print(sentence)
    commit = subprocess.run(
        ["git", "-C", str(path), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "ways": rows,
        "tuning": hubel_steps.said,
        "mode": {k: str(r.precision) + ", " + r.layout for k, r in hubel_steps.ways.items()},
        "peer_commit": commit.stdout.strip(),
        "threads": threads,
    }


def record(key: str, value: Any) -> dict[str, Any]:
    """Put a figure into the result file; rows are appended, one for each seed."""
    known: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError):
        known = json.loads(RESULT.read_text(encoding="utf-8"))
    if isinstance(value, dict) and "seed" in value:
        rows = [row for row in known.get(key, ()) if row["seed"] != value["seed"]]
        value = sorted([*rows, value], key=lambda row: row["seed"])
    known[key] = value
    known["machine"] = environment()
    RESULT.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    return known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--slices", action="store_true")
    parser.add_argument("--accuracy", type=int, metavar="SEED")
    parser.add_argument("--peer-accuracy", type=int, metavar="SEED")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    asked = parser.parse_args()
    if (asked.slices or asked.peer_accuracy is not None) and asked.peer is None:
        parser.error("--peer is missing: a checkout of KellerJordan/cifar10-airbench")
    if asked.slices:
        record("slices", slices(asked.data, asked.peer, asked.threads))
    if asked.accuracy is not None:
        row = accuracy(asked.data, asked.accuracy, asked.threads, asked.runs)
        rows = record("accuracy", row)["accuracy"]
        mean = {k: statistics.mean(r[k] for r in rows) for k in ("top1", "top1_views")}
        print(f"seed {row['seed']}: {row['top1']:.2%}, with views {row['top1_views']:.2%}; mean of "
              f"{len(rows)}: {mean['top1']:.2%} and {mean['top1_views']:.2%}; the peer reaches "
              f"{ACCURACY:.1%} and {VIEWED:.1%}")  # fmt: skip
    if asked.peer_accuracy is not None:
        torch.set_num_threads(asked.threads)
        _, gathered = prepared(asked.data, asked.threads)
        peer = peer_module(asked.peer)
        torch.manual_seed(asked.peer_accuracy)
        found = peer_run(peer, gathered, None, lambda: None)
        seconds = sum(found.pop("steps"))
        row = {"seed": asked.peer_accuracy, **found, "seconds_training": seconds}
        record("peer_accuracy", row)
        print(row)


if __name__ == "__main__":
    main()
