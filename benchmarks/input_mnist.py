"""How long MNIST takes from parquet to ready for training: first start, and with the cache.

    HUBEL_DATA=... python benchmarks/input_mnist.py

Every measurement is a process of its own with a cache of its own, timed after its imports: open
the data, decode the 60,000 training pictures, take the first batch. The goals are 4 s and 1 s on
two cores.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

RUNS = 5
GOALS = {"first start": 4.0, "with the cache": 1.0}

MEASURED = """
import time
import pyarrow.parquet
from hubel.data import Loader, decode, open_data
from hubel.pictures import Preprocess

began = time.perf_counter()
data = open_data("mnist")
pictures, findings = decode(data.train, Preprocess((28, 28), pad=2, channels=1))
batch = next(Loader(pictures, batch=64, seed=0).epoch(0))
seconds = time.perf_counter() - began
if len(pictures) != 60_000 or findings or tuple(batch.pictures.shape) != (64, 1, 32, 32):
    raise SystemExit("not MNIST")
print(seconds)
"""


def main() -> int:
    seconds: dict[str, list[float]] = {name: [] for name in GOALS}
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as cache:
            for name in GOALS:
                environment = {**os.environ, "HUBEL_CACHE": cache}
                command = [sys.executable, "-c", MEASURED]
                done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
                seconds[name].append(float(done.stdout))
    kept = True
    for name, goal in GOALS.items():
        median, worst = statistics.median(seconds[name]), max(seconds[name])
        kept &= median <= goal
        print(
            f"MNIST ready, {name:14}: {median:5.2f} s (worst of {RUNS}: {worst:.2f}, goal {goal:g})"
        )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
