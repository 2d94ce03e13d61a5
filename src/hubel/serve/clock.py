"""How long each engine of this machine takes for a picture, timed while the service is up."""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import Any

import numpy as np

from hubel.runtime.bundle import Bundle, BundleError
from hubel.runtime.engine import Engine
from hubel.runtime.engines import INT8, available, named
from hubel.serve.aside import Aside
from hubel.serve.limits import Limits
from hubel.serve.models import Served

ROUNDS = 15
SIDE = 128
"""Of the picture for networks that take any size."""


class Clock:
    """Times the engines of one model at a time, in a thread of its own."""

    def __init__(self, limits: Limits):
        self._aside = Aside(limits, "timings")
        self.close = self._aside.close

    async def engines(self, served: Served) -> dict[str, Any]:
        """The engines, the fastest first, with milliseconds of one picture by itself: the median of
        the rounds, in which they take turns, the fastest and the slowest.
        """
        return await self._aside.done(partial(_timed, served))


def _timed(served: Served) -> dict[str, Any]:
    bundle, threads = served.bundle, served.predictor.engine.threads
    height, width, channels = bundle.shape
    shape = (1, height or SIDE, width or SIDE, channels)
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    engines = []
    for name in _names(bundle):
        try:
            engines.append(Engine(bundle, threads=threads, name=name, spinning=False))
        except BundleError:  # an engine that cannot run this graph is no answer to how fast
            continue
    for engine in engines:
        engine(picture)
    rounds: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for _ in range(ROUNDS):
        for engine in engines:
            begun = time.perf_counter()
            engine(picture)
            rounds[engine.name].append(1000 * (time.perf_counter() - begun))
    rows: list[dict[str, Any]] = [
        {
            "engine": name,
            "milliseconds": statistics.median(each),
            "fastest": min(each),
            "slowest": max(each),
        }
        for name, each in rounds.items()
    ]
    rows.sort(key=lambda row: row["milliseconds"])
    size = list(shape[1:3])
    return {"model": served.name, "threads": threads, "input": size, "engines": rows}


def _names(bundle: Bundle) -> list[str]:
    """What `--engine` takes here, for this bundle."""
    there = available()
    return [*there, *(named(engine, INT8) for engine in bundle.int8 if engine in there)]
