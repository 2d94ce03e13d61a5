"""Parquet as the Hugging Face hub keeps it: a column of pictures {bytes, path}, one of labels."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
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
    files = [root] if root.is_file() else sorted(root.rglob("*.parquet"))
    layout = Layout("parquet", {})
    tables: dict[str, list[_File]] = {}
    for path in files:
        split = WHOLE if root.is_file() else _split(path.relative_to(root))
        tables.setdefault(split, []).append(_File(path))
    if len(tables) > 1 and WHOLE in tables:
        odd = tables[WHOLE][0].path
        raise ValueError(f"{odd}: neither train, validation nor test is in its name; rename it")
    for split, found in tables.items():
        part = Part(files=[file.path for file in found])
        places = []
        for number, file in enumerate(found):
            rows = file.labelled(layout.findings)
            part.names += [file.names[row] for row in rows.tolist()]
            part.labels += [file.labels[row] for row in rows.tolist()]
            places.append(np.stack([np.full_like(rows, number), rows], axis=1))
            layout.classes = layout.classes or file.classes
            layout.licence = layout.licence or file.licence
            if file.classes != layout.classes:
                raise ValueError(f"{file.path}: its classes are not those of the other files")
        part.pictures = _Rows(found, np.concatenate(places))
        layout.parts[split] = part
    return layout


def _split(path: Path) -> str:
    """train-00000-of-00001.parquet, default/train/0000.parquet -> train."""
    for part in reversed(path.with_suffix("").parts):
        for word in re.split(r"[-_.]", part.lower()):
            if word in SPLITS:
                return SPLITS[word]
    return WHOLE


class _File:
    """One parquet file: its labels and names, and its pictures by row group."""

    def __init__(self, path: Path):
        import pyarrow
        import pyarrow.parquet as pq

        self.path = path
        try:
            with pq.ParquetFile(path) as file:
                schema = file.schema_arrow
                rows = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
                self.starts = np.cumsum([0, *rows])
                info = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
                self.facts = info.get("info", {})
                self.picture = self._column(schema, "pictures", PICTURES)
                label = self._column(schema, "labels", LABELS)
                self.classes, self.labels = self._read_labels(file, label)
                self.names = self._read_names(file, schema)
        except (pyarrow.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            rule = "restore it from its source"
            raise ValueError(
                f"{path}: not a parquet file that can be read ({reason}); {rule}"
            ) from None
        self.licence = str(self.facts.get("license") or "")

    def _column(self, schema: Any, what: str, words: Sequence[str]) -> str:
        for word in words:
            if word in schema.names:
                return word
        there = ", ".join(f"{field.name}: {field.type}" for field in schema)
        rule = f"one called {' or '.join(words)} is needed"
        raise ValueError(f"{self.path}: no column with the {what}; there are: {there}; {rule}")

    def _read_labels(self, file: Any, column: str) -> tuple[tuple[str, ...], list[Any]]:
        """The class names in order, where the file has them, and the label of each row: a text, a
        tuple of them where rows hold lists, or None.
        """
        values = file.read(columns=[column]).column(0).to_pylist()
        several = any(isinstance(value, list) for value in values)
        each = [label for value in values for label in value or ()] if several else values
        if not all(label is None or isinstance(label, (int, str)) for label in each):
            kind = file.schema_arrow.field(column).type
            rule = "a picture has one label, a text or a whole number, or a list of them"
            raise ValueError(f"{self.path}: the column {column} is of type {kind}; {rule}")
        feature = self.facts.get("features", {}).get(column, {})
        feature = feature.get("feature", feature) if isinstance(feature, dict) else {}
        names = tuple(feature.get("names") or ())
        for label in each:
            if names and isinstance(label, int) and label >= len(names):
                raise ValueError(
                    f"{self.path}: the label {label}, but only {len(names)} class names"
                )

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

    def _read_names(self, file: Any, schema: Any) -> list[str]:
        import pyarrow.types

        kind = schema.field(self.picture).type
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
        paths = file.read(columns=[f"{self.picture}.path"]).column(0).to_pylist()
        return [(p and p["path"]) or f"{stem}#{row}" for row, p in enumerate(paths)]

    def labelled(self, findings: list[Finding]) -> np.ndarray:
        """The rows that have a label; the others become findings."""
        message = f"has no label in {self.path.name}; fill it or remove the row"
        findings += [
            Finding(name, "no label", message)
            for name, label in zip(self.names, self.labels)
            if label is None
        ]
        return np.array([row for row, label in enumerate(self.labels) if label is not None], int)

    def read(self, group: int) -> list[Readable]:
        """The pictures of a row group."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            cells = file.read_row_group(group, columns=[self.picture]).column(0).combine_chunks()
        if not self.struct:
            return [cell or b"" for cell in cells.to_pylist()]
        blobs = cells.field("bytes").to_pylist()
        if all(blobs):
            return blobs
        paths = cells.field("path").to_pylist() if cells.type.get_field_index("path") >= 0 else []
        beside = [self.path.parent / path if path else b"" for path in paths] or [b""] * len(blobs)
        return [blob or other for blob, other in zip(blobs, beside)]


class _Rows(Sequence[Readable]):
    """Pictures by (file, row), read by row group; the last groups are kept."""

    KEPT = 2

    def __init__(self, files: Sequence[_File], places: np.ndarray):
        self.files, self.places = files, places
        self.groups: dict[tuple[int, int], list[Readable]] = {}
        self.lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:  # worker processes read for themselves
        return _Rows, (self.files, self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i):
        number, row = self.places[i].tolist()
        file = self.files[number]
        group = int(np.searchsorted(file.starts, row, side="right")) - 1
        with self.lock:
            if (number, group) not in self.groups:
                while len(self.groups) >= self.KEPT:
                    del self.groups[next(iter(self.groups))]
                self.groups[number, group] = file.read(group)
            return self.groups[number, group][row - int(file.starts[group])]
