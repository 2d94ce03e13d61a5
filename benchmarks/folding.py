"""What folding gains: batch norms and RepVGG's branches as part of the convolutions.

    python benchmarks/folding.py [--rounds 15] [--threads 2]

Each network as it was trained and folded, in eager torch and, exported in either form, on ONNX
Runtime, which folds batch norms by itself and cannot know of branches. One picture of 224x224, all
four in turns, the median of the ratios of the rounds. Writes benchmarks/results/folding.json.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hubel.export import deployed as export
from hubel.export.deployed import Deployed, fused, write_onnx
from hubel.networks import create
from hubel.pictures import Preprocess
from hubel.runtime.engines import open_graph
from hubel.runtime.files import write_whole
from hubel.runtime.machine import cores, environment

RESULT = Path(__file__).parent / "results" / "folding.json"
NETWORKS = ("resnet50", "densenet121", "mobilenetv2_100", "repvgg_a0")
WAY = Preprocess((224, 224), fit="squash")
WARM = 3

Run = Callable[[np.ndarray], np.ndarray]


def forms(name: str, folder: Path, threads: int) -> dict[str, tuple[Run, Run]]:
    """Engine -> the network as it was trained, and folded."""
    torch.manual_seed(0)
    trained = Deployed(create(name), WAY).eval()

    def eager(module: torch.nn.Module) -> Run:
        return lambda pictures: module(torch.from_numpy(pictures)).numpy()

    def graph(form: str) -> Run:
        path = folder / f"{form}.onnx"
        write_onnx(path, trained, WAY, ["a"])
        session = open_graph("onnxruntime", path, threads)
        return lambda pictures: session.run(pictures)[0]

    folded = graph("folded")
    export.fused, kept = copy.deepcopy, export.fused  # exported as it was trained
    plain = graph("plain")
    export.fused = kept
    return {"torch": (eager(trained), eager(fused(trained))), "onnxruntime": (plain, folded)}


@torch.inference_mode()
def measured(name: str, rounds: int, threads: int) -> dict[str, Any]:
    """How many times as fast the folded form is."""
    picture = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        engines = forms(name, Path(folder), threads)
        times: dict[str, list[tuple[float, ...]]] = {engine: [] for engine in engines}
        differ = {}
        for engine, pair in engines.items():
            found = [run(picture) for run in pair for _ in range(WARM)]
            differ[engine] = float(np.abs(found[0] - found[-1]).max() / np.abs(found[0]).max())
        for _ in range(rounds):
            for engine, pair in engines.items():
                taken = []
                for run in pair:
                    begun = time.perf_counter()
                    run(picture)
                    taken.append(time.perf_counter() - begun)
                times[engine].append(tuple(taken))
    return {
        engine: {
            "faster": statistics.median(a / b for a, b in each),
            "seconds": [statistics.median(form) for form in zip(*each)],
            "differ": differ[engine],
        }
        for engine, each in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=cores())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    found = {}
    for name in NETWORKS:
        found[name] = measured(name, asked.rounds, asked.threads)
        for engine, row in found[name].items():
            print(
                f"{name:<16} {engine:<12} {row['faster']:.2f} times as fast folded; outputs differ "
                f"by {row['differ']:.1g} of the largest"
            )
    result = {"machine": environment(), "threads": asked.threads, "networks": found}
    write_whole(RESULT, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
