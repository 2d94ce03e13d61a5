"""Latency of detectors and segmenters at 320x320: the bundle's fastest engine beside eager torch.

    python benchmarks/scenes.py [--rounds 9] [--threads 2] [--only detect segment-mobilenetv2_100]

The networks of the pages `detect` and `segment`, and both pages with MobileNetV2 in place of their
own. Weights are by chance, pictures are noise: they take the same time as others. A first race of 7
rounds chooses among the engines that `hubel predict` can take in float32, as `hubel bench --save`
does; in a second one the chosen and the same network in eager torch, nothing folded, take turns.
The ratio is the median of those of the rounds. From the prepared picture to what the network gives:
boxes and logits, or scores; benchmarks/nms.py has the time of what comes after.

Each network is written to benchmarks/results/scenes.json when it is done, and is not measured again
while it stands there.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rounds import rows, runner

from hubel import recipes
from hubel.export.bundle import write_bundle
from hubel.export.race import race
from hubel.export.ways import Way, ways
from hubel.runtime.bundle import Bundle
from hubel.tasks.catalogue import TASKS

NETWORKS = ("detect", "segment", "detect-mobilenetv2_100", "segment-mobilenetv2_100")
"""A page, and the network that takes the place of its own."""
SIZE, CLASSES = (320, 320), tuple("abcdefghij")
CHOOSING = 7
EAGER = Way("hubel eager")


def drawn(name: str, folder: Path) -> Bundle:
    """A bundle with weights by chance."""
    page, _, network = name.partition("-")
    recipe = recipes.load(page)
    if network:
        recipe = recipe.replace(network=network, words={})
    if recipe.seen.input_size != SIZE:
        raise ValueError(f"{page}: its pictures are {recipe.seen.input_size}, not {SIZE}")
    task = TASKS[recipe.task](CLASSES, recipe.seen, head=recipe.head)
    torch.manual_seed(0)
    words = {"name": recipe.network, "words": dict(recipe.words), "head": dict(recipe.head)}
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    write_bundle(
        folder / "bundle",
        task.around(task.network(recipe.network, **recipe.words)),
        preprocess=recipe.seen,
        classes=CLASSES,
        network={**words, "classes": len(CLASSES), "channels": recipe.seen.channels},
        golden=[("noise.png", noise)],
        task=recipe.task,
    )
    return Bundle.open(folder / "bundle")


def measured(name: str, rounds: int, threads: int) -> dict[str, Any]:
    """Choose, then judge in a race of its own."""
    words: Any = {"batches": (1,), "threads": threads, "say": print}
    with tempfile.TemporaryDirectory() as folder:
        bundle = drawn(name, Path(folder))
        own = [way for way in ways(bundle) if way.ships and way.precision == "float32"]
        first = race(bundle, own, rounds=CHOOSING, **words)
        chosen = first.fastest(1, ships=True)
        taken = [chosen.way] if chosen else []
        second = race(bundle, [*taken, EAGER], rounds=rounds, runner=runner, **words)
    times = {str(lane.way): time.rounds for lane in second.lanes if (time := lane.time(1))}
    errors = {str(lane.way): lane.error for lane in (*first.lanes, *second.lanes) if lane.error}
    if len(times) < 2:
        raise RuntimeError(f"{name}: nothing to compare, {errors}")
    best, eager = times
    row = {
        "chosen": best,
        "faster_than_eager": statistics.median(b / a for a, b in zip(times[best], times[eager])),
        "median_seconds": {way: statistics.median(each) for way, each in times.items()},
        "rounds": times,
        "errors": errors,
    }
    said = ", ".join(f"{way} {1000 * s:.1f} ms" for way, s in row["median_seconds"].items())
    print(f"{name}: {said}; {row['faster_than_eager']:.2f} times as fast")
    return row


def main() -> int:
    found = rows(__doc__, "scenes.json", NETWORKS, measured)
    ratios = [math.log(row["faster_than_eager"]) for row in found.values()]
    mean = math.exp(statistics.fmean(ratios))
    print(f"{mean:.2f} times as fast as eager in the geometric mean of {len(found)} networks")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
