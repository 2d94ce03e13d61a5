"""A folder of runs, read while trainings write into it."""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

RECENT = 180.0
"""Seconds since the last written line after which a run without a report counts as stopped."""
POINTS = 400  # of a curve over steps
TAIL = 8 << 20  # bytes of metrics.jsonl that are read, from its end
TOLD = ("network", "data", "task", "recipe", "epochs", "batch", "seed")


class Runs:
    """The runs below a folder: `runs/<task>/<name>/` and the folds of each."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __iter__(self) -> Iterator[Path]:
        for pattern in ("*/*/recipe.yaml", "*/*/fold-*/recipe.yaml"):
            for path in self.folder.glob(pattern):
                if (path.parent / "results.csv").is_file():
                    yield path.parent

    def find(self, name: str) -> Path | None:
        """The run of a name as `all` tells it; a name is compared with those, never looked up."""
        return next((path for path in self if self._name(path) == name), None)

    def all(self) -> list[dict[str, Any]]:
        """A summary of each run, the last written first."""
        found = [self.summary(path) for path in self]
        return sorted(found, key=lambda run: -run["written"])

    def summary(self, path: Path) -> dict[str, Any]:
        """What a card of the gallery shows: recipe in short, state, scores, the course of one."""
        rows = results(path / "results.csv")
        last = rows[-1] if rows else {}
        scores = {k: v for k, v in last.items() if k.startswith("val_") and k != "val_loss"}
        score = next(iter(scores), None)
        written = _written(path)
        finished = (path / "report.html").is_file()
        recent = time.time() - written < RECENT
        return {
            "name": self._name(path),
            **_told(path / "recipe.yaml"),
            "state": "finished" if finished else "training" if recent else "stopped",
            "written": written,
            "epoch": int(last.get("epoch") or 0),
            "seconds": last.get("seconds", 0.0),
            "score": score,
            "scores": scores,
            "course": [row[score] for row in rows] if score else [],
        }

    def curves(self, path: Path) -> dict[str, Any]:
        """The rows of results.csv, and the training loss over steps."""
        return {
            "name": self._name(path),
            "rows": results(path / "results.csv"),
            "steps": steps(path / "metrics.jsonl"),
        }

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def results(path: Path) -> list[dict[str, float | None]]:
    """The whole rows of a results.csv that may be in the middle of a line; NaN becomes None."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text[: text.rfind("\n") + 1].splitlines()
    found = []
    for row in csv.DictReader(lines):
        try:
            found.append({name: _finite(float(value)) for name, value in row.items()})
        except (TypeError, ValueError):  # a file of another form
            continue
    return found


def steps(path: Path) -> list[list[float]]:
    """[step, training loss] of metrics.jsonl, POINTS at most, each the mean of its stretch."""
    if not path.is_file():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        lines = file.read().split(b"\n")[:-1]
    found = []
    for line in lines:
        try:
            words = json.loads(line)
            if words["event"] == "step" and math.isfinite(words["loss"]):
                found.append((words["step"], words["loss"]))
        except (ValueError, KeyError, TypeError):  # the first line may be cut
            continue
    stretch = -(-len(found) // POINTS) or 1
    groups = [found[i : i + stretch] for i in range(0, len(found), stretch)]
    return [[group[-1][0], sum(loss for _, loss in group) / len(group)] for group in groups]


def _written(path: Path) -> float:
    """When anything of the run was written last."""
    marks = [path / "recipe.yaml", path / "results.csv", path / "metrics.jsonl"]
    marks += [path / "report.html", *path.glob("checkpoints/*.pt")]
    return max(mark.stat().st_mtime for mark in marks if mark.is_file())


def _told(path: Path) -> dict[str, Any]:
    return _recipe(path, path.stat().st_mtime_ns)


@lru_cache(1000)
def _recipe(path: Path, written: int) -> dict[str, Any]:
    """The recipe's main words; `written` is there so that a new one is read anew."""
    import yaml

    try:
        words = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        words = None
    words = words if isinstance(words, dict) else {}
    return {word: words.get(word) for word in TOLD}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
