"""How much faster int8 is than the best float32, at 224x224.

    python benchmarks/int8.py [--rounds 9] [--threads 2] [--only resnet18 ...]

Each network gets weights by chance and ranges from noise, which take the same time as others: this
is about speed; what int8 costs in answers is the gate's (`hubel export --int8`). Every float32 way
of this machine and int8 on every engine run in turns. Wanted: the best int8 at least 2 times as
fast as the best float32, in the geometric mean over the networks, at batch 1.

Each network is written to benchmarks/results/int8.json when it is done, and is not measured again
while it stands there. Exit code 1 where the target is missed.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rounds import rows

from hubel.export.change import put_int8
from hubel.export.quantize import QUANTIZERS, quantizable, tool_of
from hubel.export.race import race
from hubel.export.times import Race
from hubel.export.ways import ways
from hubel.runtime.bundle import GRAPHS, Bundle
from hubel.runtime.engine import Engine
from hubel.runtime.engines import INT8, named, open_graph
from hubel.runtime.predictor import Predictor
from hubel.verbs.bench import drawn

NETWORKS = ("resnet18", "resnet50", "mobilenetv2_100", "efficientnet_b0")
BATCHES, FASTER = (1, 16), 2.0
PICTURES = 16


def quantized(bundle: Bundle, threads: int) -> Bundle:
    """The bundle with an int8 graph for every engine, no gate before it."""
    shape = (PICTURES, *bundle.preprocess.input_size, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    predictors: dict[str, Predictor | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        for engine in quantizable():
            path = Path(folder) / Path(GRAPHS[engine][0]).name
            QUANTIZERS[engine](bundle).write(path, (), noise)
            session = open_graph(engine, path, threads)
            ready = Engine(bundle, threads=threads, name=named(engine, INT8), session=session)
            predictors[engine] = Predictor(bundle, engine=ready)
        put_int8(bundle, Path(folder), predictors, {})
    return Bundle.open(bundle.folder)


def judged(found: Race, batch: int) -> dict[str, Any]:
    """The best int8 against the best float32, round by round."""
    times = {
        precision: {
            str(lane.way): time.rounds
            for lane in found.lanes
            if lane.way.precision == precision and (time := lane.time(batch))
        }
        for precision in ("float32", INT8)
    }
    best = {
        precision: min(rows, key=lambda name: statistics.median(rows[name]))
        for precision, rows in times.items()
    }
    pairs = zip(times["float32"][best["float32"]], times[INT8][best[INT8]])
    return {
        "best": best,
        "faster": statistics.median(a / b for a, b in pairs),
        "median_seconds": {
            name: statistics.median(rounds)
            for rows in times.values()
            for name, rounds in rows.items()
        },
    }


def measured(name: str, rounds: int, threads: int) -> dict[str, Any]:
    """One network."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = quantized(drawn(name, Path(folder)), threads)
        taken = [way for way in ways(bundle) if way.precision in ("float32", INT8)]
        found = race(
            bundle, taken, batches=BATCHES, rounds=rounds, threads=threads, int8=True, say=print
        )
    won = {batch: judged(found, batch) for batch in BATCHES}
    for batch, row in won.items():
        print(
            f"{name}, batch {batch}: {row['best'][INT8]} {row['faster']:.2f} times as fast as "
            f"{row['best']['float32']}"
        )
    errors = {str(lane.way): lane.error for lane in found.lanes if lane.error}
    return {"batches": {str(batch): row for batch, row in won.items()}, "errors": errors}


def main() -> int:
    tools = [tool_of(engine) for engine in quantizable()]
    found = rows(__doc__, "int8.json", NETWORKS, measured, tools=tools)
    means = {}
    for batch in BATCHES:
        each = [row["batches"][str(batch)]["faster"] for row in found.values()]
        means[batch] = math.exp(statistics.fmean(map(math.log, each)))
        print(
            f"batch {batch}: int8 {means[batch]:.2f} times as fast as the best float32 over "
            f"{len(each)} networks" + (f" (wanted {FASTER})" if batch == 1 else "")
        )
    return 1 if means[1] < FASTER else 0


if __name__ == "__main__":
    raise SystemExit(main())
