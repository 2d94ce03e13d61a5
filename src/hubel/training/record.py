"""What a training writes down as it goes: results.csv, a row an epoch, and metrics.jsonl, a line
every few steps.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLUMNS = ("epoch", "step", "seconds", "lr", "train_loss")
SCORES = ("val_loss", "val_top1", "val_top5")


class Record:
    """Two files that only grow, except that `cut` takes them back to the length they had at a
    checkpoint.

    So the files of a training that was killed and resumed are those of one that never was. The
    columns are those of classification unless a task names its own scores.
    """

    def __init__(self, folder: Path, scores: Sequence[str] = SCORES) -> None:
        self.columns = (*COLUMNS, *scores)
        self.results = folder / "results.csv"
        self.metrics = folder / "metrics.jsonl"
        if not self.results.exists():
            self.start()

    def start(self) -> None:
        """Both files as they are before the first step."""
        self.results.write_text(",".join(self.columns) + "\n", encoding="utf-8")
        self.metrics.write_text("", encoding="utf-8")

    def epoch(self, **row: float | int) -> None:
        """Append a row to results.csv, and the same to metrics.jsonl."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow([_short(row[c]) for c in self.columns])
        self._append(self.results, text.getvalue())
        self.line(event="epoch", **row)

    def line(self, **values: Any) -> None:
        """Append a line to metrics.jsonl."""
        self._append(self.metrics, json.dumps(values) + "\n")

    def lengths(self) -> dict[str, int]:
        """Bytes in each file now."""
        return {p.name: p.stat().st_size for p in (self.results, self.metrics)}

    def cut(self, lengths: dict[str, int]) -> None:
        """Forget what was written after a checkpoint that holds `lengths`."""
        for path in (self.results, self.metrics):
            with path.open("r+b") as file:
                file.truncate(lengths[path.name])

    def rows(self) -> list[dict[str, float]]:
        """The rows of results.csv."""
        return read_results(self.results)

    @staticmethod
    def _append(path: Path, text: str) -> None:
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text)


class Unwritten(Record):
    """The record of a process that is not the one that writes."""

    def __init__(self) -> None:
        pass

    def start(self) -> None:
        """Nothing."""

    def epoch(self, **row: float | int) -> None:
        """Nothing."""

    def line(self, **values: Any) -> None:
        """Nothing."""

    def lengths(self) -> dict[str, int]:
        """Nothing."""
        return {}

    def cut(self, lengths: dict[str, int]) -> None:
        """Nothing."""


def read_results(path: Path) -> list[dict[str, float]]:
    """results.csv as numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def _short(value: float | int) -> str:
    return str(value) if isinstance(value, int) else f"{value:.7g}"
