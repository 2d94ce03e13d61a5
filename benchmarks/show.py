"""How long the account of ResNet-152 takes, beside torchinfo's summary of the same network.

    python benchmarks/show.py [--rounds 9]

In one process, by turns, medians of wall and processor seconds: `hubel.show` by name (the network
is built without memory), building alone, and torchinfo on a network with weights or without.
torchinfo is measured where it is installed. Writes benchmarks/results/show.json; exit code 1 where
building takes more than 0.1 s of the processor.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from hubel.networks import create
from hubel.runtime.machine import environment
from hubel.verbs.show import show

RESULT = Path(__file__).parent / "results" / "show.json"
NAME, SIZE, TARGET = "resnet152", (1, 3, 224, 224), 0.1


def build() -> torch.nn.Module:
    """The network on the meta device."""
    with torch.device("meta"):
        return create(NAME)


def ways() -> dict[str, Callable[[], object]]:
    """What takes turns, by name."""
    found: dict[str, Callable[[], object]] = {
        "build on the meta device": build,
        "hubel.show": lambda: show(NAME),
    }
    if importlib.util.find_spec("torchinfo"):
        summary = importlib.import_module("torchinfo").summary
        network = create(NAME)
        found |= {
            "allocate": lambda: create(NAME),
            "torchinfo, allocated before": lambda: summary(network, SIZE, verbose=0, device="cpu"),
            "torchinfo on the meta device": lambda: summary(
                build(), SIZE, verbose=0, device="meta", cache_forward_pass=False
            ),
        }
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    measured = ways()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in measured}
    for turn in range(rounds + 1):
        for name, way in measured.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            if turn:  # the first one warms up
                taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    medians = {
        name: dict(zip(("wall", "cpu"), (round(statistics.median(x), 4) for x in zip(*times))))
        for name, times in taken.items()
    }
    print(f"{'median seconds of ' + str(rounds):<30} {'wall':>8} {'cpu':>8}")
    for name, seconds in medians.items():
        print(f"{name:<30} {seconds['wall']:8.3f} {seconds['cpu']:8.3f}")
    result = {"network": NAME, "rounds": rounds, "seconds": medians, "machine": environment()}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(medians["build on the meta device"]["cpu"] > TARGET)


if __name__ == "__main__":
    raise SystemExit(main())
