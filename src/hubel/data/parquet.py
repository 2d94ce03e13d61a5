"""Parquet as the Hugging Face hub keeps it: a column of pictures {bytes, path}, one of labels."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hubel.data.layout import SPLITS, WHOLE, Layout, Part
from hubel.data.types import Finding
from hubel.pictures.read import Readable

PICTURES = ("image", "img", "picture")
LABELS = ("label", "labels", "fine_label", "class", "target")
"""What the columns may be called; the first that is there counts."""


def read_parquet(root: Path) -> Layout:
    """All parquet files at or below `root`; train, test or validation in their paths is their part.

    Only labels and names are read here; `read` of a picture opens its row group. ValueError for
    files that are damaged or whose columns are not those of pictures with labels.
    """
    layout = Layout("parquet", {})
    for split, tables in tables_of(root).items():
        part = Part(files=[table.path for table in tables])
        places = []
        for number, table in enumerate(tables):
            classes, labels = _labels(table)
            rows = _labelled(table, labels, layout.findings)
            part.names += [table.names[row] for row in rows.tolist()]
            part.labels += [labels[row] for row in rows.tolist()]
            places.append(np.stack([np.full_like(rows, number), rows], axis=1))
            layout.classes = layout.classes or classes
            layout.licence = layout.licence or table.licence
            if classes != layout.classes:
                raise ValueError(f"{table.path}: its classes are not those of the other files")
        part.pictures = Rows(tables, np.concatenate(places))
        layout.parts[split] = part
    return layout


def tables_of(root: Path) -> dict[str, list[Table]]:
    """The parquet files at or below `root` by their part."""
    files = [root] if root.is_file() else sorted(root.rglob("*.parquet"))
    tables: dict[str, list[Table]] = {}
    for path in files:
        split = WHOLE if root.is_file() else _split(path.relative_to(root))
        tables.setdefault(split, []).append(Table(path))
    if len(tables) > 1 and WHOLE in tables:
        odd = tables[WHOLE][0].path
        raise ValueError(f"{odd}: neither train, validation nor test is in its name; rename it")
    return tables


def _split(path: Path) -> str:
    """train-00000-of-00001.parquet, default/train/0000.parquet -> train."""
    for part in reversed(path.with_suffix("").parts):
        for word in re.split(r"[-_.]", part.lower()):
            if word in SPLITS:
                return SPLITS[word]
    return WHOLE


class Table:
    """One parquet file of pictures: `names` of its rows, and the pictures by row group."""

    def __init__(self, path: Path):
        self.path = path
        with self._opened() as file:
            self.schema = file.schema_arrow
            rows = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
        self.starts = np.cumsum([0, *rows])
        info = json.loads((self.schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {})
        self.features = info.get("features", {})
        self.licence = str(info.get("license") or "")
        self.picture = self.column("pictures", PICTURES)
        self.names = self._names()

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        import pyarrow
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                yield file
        except (pyarrow.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            rule = "restore it from its source"
            raise ValueError(
                f"{self.path}: not a parquet file that can be read ({reason}); {rule}"
            ) from None

    def column(self, what: str, words: Sequence[str]) -> str:
        """The first of the words that is a column; ValueError where none is."""
        for word in words:
            if word in self.schema.names:
                return word
        there = ", ".join(f"{field.name}: {field.type}" for field in self.schema)
        rule = f"one called {' or '.join(words)} is needed"
        raise ValueError(f"{self.path}: no column with the {what}; there are: {there}; {rule}")

    def values(self, column: str) -> list[Any]:
        """What a column has in each row."""
        with self._opened() as file:
            return file.read(columns=[column]).column(0).to_pylist()

    def _names(self) -> list[str]:
        import pyarrow.types

        kind = self.schema.field(self.picture).type
        self.struct = pyarrow.types.is_struct(kind)
        fields = [kind.field(i).name for i in range(kind.num_fields)] if self.struct else []
        binary = pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind)
        if not binary and "bytes" not in fields:
            rule = "it holds the bytes of picture files, alone or as {bytes, path}"
            raise ValueError(f"{self.path}: the column {self.picture} is of type {kind}; {rule}")
        stem = self.path.stem
        total = int(self.starts[-1])
        if "path" not in fields:
            return [f"{stem}#{row}" for row in range(total)]
        paths = self.values(f"{self.picture}.path")
        return [(p and p["path"]) or f"{stem}#{row}" for row, p in enumerate(paths)]

    def read(self, group: int) -> list[Readable]:
        """The pictures of a row group."""
        with self._opened() as file:
            cells = file.read_row_group(group, columns=[self.picture]).column(0).combine_chunks()
        if not self.struct:
            return [cell or b"" for cell in cells.to_pylist()]
        blobs = cells.field("bytes").to_pylist()
        if all(blobs):
            return blobs
        paths = cells.field("path").to_pylist() if cells.type.get_field_index("path") >= 0 else []
        beside = [self.path.parent / path if path else b"" for path in paths] or [b""] * len(blobs)
        return [blob or other for blob, other in zip(blobs, beside)]


def inner(feature: Any) -> dict[str, Any]:
    """What the hub says of a column, without the lists around it."""
    while isinstance(feature, list) or (isinstance(feature, dict) and "feature" in feature):
        feature = feature["feature"] if isinstance(feature, dict) else (feature or [None])[0]
    return feature if isinstance(feature, dict) else {}


def _labels(table: Table) -> tuple[tuple[str, ...], list[Any]]:
    """The class names in order, where the file has them, and the label of each row: a text, a
    tuple of them where rows hold lists, or None.
    """
    column = table.column("labels", LABELS)
    values = table.values(column)
    several = any(isinstance(value, list) for value in values)
    each = [label for value in values for label in value or ()] if several else values
    if not all(label is None or isinstance(label, (int, str)) for label in each):
        kind = table.schema.field(column).type
        rule = "a picture has one label, a text or a whole number, or a list of them"
        raise ValueError(f"{table.path}: the column {column} is of type {kind}; {rule}")
    names = tuple(inner(table.features.get(column)).get("names") or ())
    for label in each:
        if names and isinstance(label, int) and label >= len(names):
            raise ValueError(f"{table.path}: the label {label}, but only {len(names)} class names")

    def named(label: Any) -> str | None:
        if label is None or label == -1:
            return None
        if names:
            return names[label] if isinstance(label, int) and label >= 0 else None
        return str(label)

    if not several:
        return names, [named(label) for label in values]
    return names, [
        None if value is None else tuple(name for name in map(named, value) if name is not None)
        for value in values
    ]


def _labelled(table: Table, labels: Sequence[Any], findings: list[Finding]) -> np.ndarray:
    """The rows that have a label; the others become findings."""
    message = f"has no label in {table.path.name}; fill it or remove the row"
    findings += [
        Finding(name, "no label", message)
        for name, label in zip(table.names, labels)
        if label is None
    ]
    return np.array([row for row, label in enumerate(labels) if label is not None], int)


class Rows(Sequence[Readable]):
    """Pictures by (table, row), read by row group; the last groups are kept."""

    KEPT = 2

    def __init__(self, tables: Sequence[Table], places: np.ndarray):
        self.tables, self.places = tables, places
        self.groups: dict[tuple[int, int], list[Readable]] = {}
        self.lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:  # worker processes read for themselves
        return Rows, (self.tables, self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i):
        number, row = self.places[i].tolist()
        table = self.tables[number]
        group = int(np.searchsorted(table.starts, row, side="right")) - 1
        with self.lock:
            if (number, group) not in self.groups:
                while len(self.groups) >= self.KEPT:
                    del self.groups[next(iter(self.groups))]
                self.groups[number, group] = table.read(group)
            return self.groups[number, group][row - int(table.starts[group])]


@dataclass(frozen=True, eq=False)
class Cell:
    """The picture of one of the rows, read whenever it is asked for, as an open file is."""

    name: str
    rows: Rows
    number: int

    @property
    def file(self) -> Path:
        """The parquet file that it is in."""
        return self.rows.tables[int(self.rows.places[self.number, 0])].path

    def read(self) -> bytes:
        """The picture's own file."""
        return bytes(self.rows[self.number])
