"""Labels that somebody corrected, applied to opened data: no file of the data is touched."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from hubel.data.types import Data, Source
from hubel.runtime.names import unknown


def read_labels(path: str | os.PathLike[str]) -> dict[str, str]:
    """A table with the columns file and corrected, such as a run's errors.csv -> {file: class}.

    Rows whose `corrected` is empty say nothing. ValueError for a table without these columns, with
    two classes for one picture, or without any correction.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; give a run's errors.csv") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)  # spreadsheets write ; where the comma is decimal
    rows = csv.DictReader(text.splitlines(), delimiter=delimiter)
    if not {"file", "corrected"} <= set(rows.fieldnames or ()):
        raise ValueError(f"{path}: it needs the columns file and corrected, as errors.csv has them")
    found: dict[str, str] = {}
    for row in rows:
        name, label = row["file"], (row["corrected"] or "").strip()
        if label and found.setdefault(name, label) != label:
            raise ValueError(f"{path}: {name} is corrected to {found[name]} and to {label}")
    if not found:
        raise ValueError(f"{path}: its column corrected is empty; write the right classes into it")
    return found


def relabelled(data: Data, labels: Mapping[str, str]) -> Data:
    """The data with these labels in place of its own; ValueError for what it does not have."""
    if not labels:
        return data
    data.one_each("correct the labels where they stand")
    names = Counter([*data.train.names, *data.val.names])
    for name, label in labels.items():
        if label not in data.classes:
            raise ValueError(f"{name}: {unknown('class', label, data.classes)}")
        if name not in names:
            raise unknown(f"picture in {data.where}", name, names)
        if names[name] > 1:
            raise ValueError(f"{name}: {names[name]} pictures have this name; it cannot be told")
    return replace(data, train=_source(data.train, labels), val=_source(data.val, labels))


def _source(source: Source, labels: Mapping[str, str]) -> Source:
    targets = np.array(source.targets)
    for i, name in enumerate(source.names):
        if name in labels:
            targets[i] = source.classes.index(labels[name])
    return replace(source, targets=targets)
