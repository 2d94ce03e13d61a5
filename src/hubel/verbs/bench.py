"""bench: every engine and precision that this machine has, timed in turns on one network."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubel.export.race import race
from hubel.export.times import Race
from hubel.export.ways import ways
from hubel.runtime.bundle import Bundle
from hubel.runtime.choice import Choice, save_choices
from hubel.runtime.engines import version_of
from hubel.runtime.machine import cores, environment
from hubel.runtime.names import unknown


@dataclass(frozen=True)
class Bench:
    """The race of the engines on a network, and where its winners were kept."""

    name: str
    size: tuple[int, int]
    race: Race
    machine: dict[str, Any]
    kept: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        return {
            "network": self.name,
            "size": list(self.size),
            "rounds": self.race.rounds,
            "threads": self.race.threads,
            "machine": self.machine,
            "ways": [lane.to_dict() for lane in self.race.lanes],
            "fastest": {batch: self._winners(batch) for batch in self.race.batches},
            "kept": str(self.kept) if self.kept else None,
        }

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page with the plots: one HTML that works offline."""
        from hubel.report.bench import write_bench

        return write_bench(path, self.name, self.size, self.race, self.machine["processor"])

    def _winners(self, batch: int) -> dict[str, str | None]:
        found = {"any": self.race.fastest(batch), "predict": self.race.fastest(batch, ships=True)}
        return {kind: str(lane.way) if lane else None for kind, lane in found.items()}


def bench(
    what: str | os.PathLike[str],
    *,
    batch: Sequence[int] = (1, 16),
    rounds: int = 7,
    engines: Sequence[str] = (),
    threads: int | None = None,
    save: bool = False,
    int8: bool = False,
    say: Callable[[str], object] = lambda text: None,
) -> Bench:
    """Time a bundle, or a network by its name, on every engine that is here.

    `batch` are the batch sizes: 1 asks for latency, more for throughput. `engines` leaves out all
    others; a round is a turn for each of them. `save` keeps the fastest engine of each batch size
    for this bundle on this machine, where `predict` finds it. The int8 forms that a bundle has run
    too; they may win only with `int8`. A network by its name gets weights by chance and pictures of
    noise, which take the same time.

    Raises ValueError for what is no bundle and no network, and for unknown engines.
    """
    if not batch or min(batch) < 1 or rounds < 1:
        raise ValueError(f"batch {list(batch)}, rounds {rounds}: all must be at least 1")
    with tempfile.TemporaryDirectory() as folder:
        given = Path(what).exists()
        if save and not given:
            raise ValueError(f"{what}: a choice is kept for a bundle; give one, or leave out save")
        bundle = Bundle.open(Path(what)) if given else drawn(str(what), Path(folder))
        known = ways(bundle)
        for name in engines:
            if name not in map(str, known):
                raise unknown("engine on this machine", name, map(str, known))
        found = race(
            bundle,
            [way for way in known if not engines or str(way) in engines],
            batches=sorted(set(batch)),
            rounds=rounds,
            threads=threads or cores(),
            int8=int8,
            say=say,
        )
        kept = _keep(found, bundle) if save else None
        return Bench(bundle.name, bundle.preprocess.input_size, found, environment(), kept)


def _keep(found: Race, bundle: Bundle) -> Path:
    choices = {}
    for batch in found.batches:
        lane = found.fastest(batch, ships=True)
        time = lane.time(batch) if lane else None
        if lane is None or time is None:
            raise ValueError(f"no engine that predict can take ran at batch {batch}: nothing kept")
        engine = lane.way.engine
        choices[batch] = Choice(engine, lane.way.precision, time.median, version_of(engine))
    return save_choices(bundle, choices)


def drawn(name: str, folder: Path) -> Bundle:
    """A bundle of that network with weights by chance, for its time alone."""
    import numpy as np
    import torch

    from hubel.export.bundle import write_bundle
    from hubel.networks import create
    from hubel.pictures import Preprocess

    torch.manual_seed(0)
    network: Any = create(name)
    spec = network.spec
    noise = np.random.default_rng(0).integers(0, 256, (spec.size, spec.size, 3), dtype=np.uint8)
    write_bundle(
        folder / "bundle",
        network,
        preprocess=Preprocess((spec.size, spec.size), fit="squash", channels=spec.channels),
        classes=[str(i) for i in range(spec.classes)],
        network={"name": name, "words": {}, "classes": spec.classes, "channels": spec.channels},
        golden=[("noise.png", noise)],
    )
    return Bundle.open(folder / "bundle")
