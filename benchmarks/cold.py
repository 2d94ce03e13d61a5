"""Cold start: `hubel predict` from nothing to the answer, whole processes, on the stored engine.

    python benchmarks/cold.py

For ResNet-18 and ResNet-50 at 224x224: a bundle, a JPEG of 640x480, each engine that is installed,
kept as `bench --save` keeps it. OpenVINO reads what it compiled from its cache; the run that fills
it is not counted, and told. Commands take turns, medians count. Wanted: at most 0.5 s and 0.8 s on
the better engine. Writes benchmarks/results/cold.json; exit code 1 where a target is missed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from hubel.runtime.engines import available
from hubel.runtime.machine import environment
from hubel.verbs.bench import drawn

ROUNDS = 11
RESULT = Path(__file__).parent / "results" / "cold.json"
WANTED = {"resnet18": 0.5, "resnet50": 0.8}


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    hubel = str(Path(sys.executable).with_name("hubel"))
    found: dict[str, dict[str, dict[str, float]]] = {}
    missed = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["HUBEL_CACHE"] = str(folder / "cache")
        coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)
        image.save(folder / "picture.jpg")
        commands = {}
        for name in WANTED:
            bundle = drawn(name, folder / name).folder
            for engine in available():
                words = ["predict", str(bundle), str(folder / "picture.jpg"), "--engine", engine]
                commands[name, engine] = [hubel, *words]
        first = {key: seconds(command) for key, command in commands.items()}
        times: dict[tuple[str, str], list[float]] = {key: [] for key in commands}
        for _ in range(ROUNDS):
            for key, command in commands.items():
                times[key].append(seconds(command))
    for (name, engine), taken in times.items():
        median = statistics.median(taken)
        row = {"median": median, "fastest": min(taken), "first": first[name, engine]}
        found.setdefault(name, {})[engine] = {k: round(v, 4) for k, v in row.items()}
        print(
            f"{name:<10} {engine:<12} {median:.3f} s (fastest {row['fastest']:.3f}, first "
            f"{row['first']:.3f})"
        )
    for name, limit in WANTED.items():
        best = min(row["median"] for row in found[name].values())
        missed += best > limit
        print(f"{name}: {best:.3f} s, wanted {limit}{'   MISSED' if best > limit else ''}")
    result = {"machine": environment(), "rounds": ROUNDS, "seconds": found}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
