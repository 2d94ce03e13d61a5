"""What the readers of the layouts hand over, and the words that all of them understand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hubel.data.types import Finding
from hubel.pictures.read import Readable

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "eval": "test",
}
"""What parts of a data set are called -> what they are here."""

WHOLE = "whole"
"""The part that holds everything where a data set has no parts."""


@dataclass
class Part:
    """Pictures with their labels as texts: one each, or as many as a picture has, in a tuple."""

    names: list[str] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    pictures: Sequence[Readable] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


@dataclass
class Layout:
    """A data set as it lies there: its parts by name (SPLITS or WHOLE)."""

    kind: str
    parts: dict[str, Part]
    classes: tuple[str, ...] = ()
    """In the order that the data set itself gives; empty: the order of `in_order`."""
    findings: list[Finding] = field(default_factory=list)
    licence: str = ""


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels as a sorted set: whole numbers by value, anything else as text."""
    names = set(labels)
    if all(name.isascii() and name.isdigit() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder that are not hidden, sorted."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
