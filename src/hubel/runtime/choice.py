"""Which engine is the fastest here: what `hubel bench --save` measured, and `predict` takes.

The choice belongs to this bundle, this processor and these versions: where any of them is another,
there is none, and the engine that every install has is taken.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hubel.runtime.bundle import SUMS, Bundle
from hubel.runtime.cache import cache_folder, cache_room
from hubel.runtime.engines import ENGINES, named, version_of
from hubel.runtime.files import sha256, write_whole
from hubel.runtime.machine import cores, processor

FASTEST = "fastest"
"""In place of an engine's name: the one that was measured as such."""

FOLDER = "choices"
COMPILED = "compiled"
"""Folders of the cache: what was measured, and what engines have compiled."""


@dataclass(frozen=True)
class Choice:
    """An engine for a batch size, the seconds it took for one, and its version then."""

    engine: str
    precision: str
    seconds: float
    version: str | None

    @property
    def name(self) -> str:
        """As Engine takes it."""
        return named(self.engine, self.precision)


def save_choices(bundle: Bundle, choices: Mapping[int, Choice]) -> Path:
    """Keep the winner of each batch size, beside those that were kept before."""
    rows = {**_saved(bundle.folder), **choices}
    words = {str(batch): asdict(choice) for batch, choice in sorted(rows.items())}
    return write_whole(_place(bundle.folder), json.dumps(words, indent=1) + "\n")


def chosen(folder: Path, batch: int) -> Choice | None:
    """The winner for the nearest batch size that was measured of the bundle in a folder; None where
    none was, or the engine is another version now.
    """
    rows = _saved(folder)
    if not rows:
        return None
    nearest = min(rows, key=lambda size: abs(math.log(size / batch)))
    found = rows[nearest]
    return found if version_of(found.engine) == found.version else None


def kept_for(bundle: Bundle) -> Path | None:
    """The folder for what engines compile of this bundle; None where the cache has no room."""
    folder = cache_folder() / COMPILED / _digest(bundle.folder)
    try:
        if folder.is_dir() or cache_room() > 2 * bundle.model.stat().st_size:
            folder.mkdir(parents=True, exist_ok=True)
            return folder
    except OSError:  # a cache that cannot be written costs time and no answer
        pass
    return None


def _saved(folder: Path) -> dict[int, Choice]:
    """What was kept, as far as it can be used: the file may be of another Hubel."""
    try:
        rows = json.loads(_place(folder).read_text("utf-8"))
        found = {int(batch): Choice(**row) for batch, row in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {batch: row for batch, row in found.items() if batch > 0 and row.engine in ENGINES}


def _place(folder: Path) -> Path:
    machine = f"{_digest(folder)} {processor()} {cores()}"
    name = hashlib.sha256(machine.encode()).hexdigest()[:32]
    return cache_folder() / FOLDER / f"{name}.json"


def _digest(folder: Path) -> str:
    """The hash over all files of a bundle."""
    return sha256(folder / SUMS)[:32]
