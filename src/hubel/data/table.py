"""A CSV or TSV file with a line per picture: file,label and, if wanted, split.

Several labels of a picture stand in one cell with | or ; between them, or each in a column of its
own that says 1 or 0.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hubel.data.layout import SPLITS, WHOLE, Layout, Part
from hubel.runtime.names import unknown

COLUMNS = {
    "file": tuple(
        "file filename file_name filepath path image image_path img picture".split()  # noqa: SIM905
    ),
    "label": ("label", "class", "target", "category", "class_name", "labels"),
    "split": ("split", "set", "subset", "part", "partition"),
}
"""What the columns may be called, the first of them that is there counts."""

BETWEEN = "|;"
"""What stands between several labels in one cell."""
YES, NO = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no"}


def is_table(file: Path) -> bool:
    """Whether this is a table of pictures: its header names the files and the labels."""
    if file.suffix.lower() not in (".csv", ".tsv"):
        return False
    header, rows = _rows(file)
    columns = _columns(header)
    return "file" in columns and ("label" in columns or bool(_yes_and_no(header, rows, columns)))


def read_table(file: Path) -> Layout:
    """The pictures of a CSV or TSV; their paths are relative to it.

    ValueError for missing columns, empty cells and files that do not exist, with their lines.
    """
    header, rows = _rows(file)
    columns = _columns(header)
    asked = _yes_and_no(header, rows, columns)
    several = bool(asked)
    if "label" in columns:
        at = columns["label"]
        several = any(any(sign in row[at] for sign in BETWEEN) for _, row in rows if at < len(row))
    for column in ("file", "label"):
        if column not in columns and not (column == "label" and asked):
            there = ", ".join(header) or "none"
            rule = f"name one {column} (or {', '.join(COLUMNS[column][1:4])})"
            raise ValueError(f"{file}: no column {column}; there are: {there}; {rule}")
    parts: dict[str, Part] = {}
    missing: list[str] = []
    for line, row in rows:
        cells = {column: row[at].strip() if at < len(row) else "" for column, at in columns.items()}
        for column, cell in cells.items():
            if not cell and not (several and column == "label"):
                raise ValueError(
                    f"{file}, line {line}: the {column} is empty; fill it or remove it"
                )
        part = parts.setdefault(_split(file, line, cells), Part())
        picture = file.parent / cells["file"]
        if not picture.is_file():
            missing.append(f"{cells['file']} (line {line})")
        part.names.append(cells["file"])
        if asked:
            part.labels.append(tuple(name for name, at in asked.items() if _is_yes(row[at])))
        elif several:
            found = re.split(f"[{BETWEEN}]", cells["label"])
            part.labels.append(tuple(label.strip() for label in found if label.strip()))
        else:
            part.labels.append(cells["label"])
        part.files.append(picture)
    if missing:
        many = f"{len(missing)} of its files do not exist" if len(missing) > 1 else "no such file"
        rule = f"paths are relative to {file.parent}; correct them or remove the lines"
        first = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise ValueError(f"{file}: {many}: {first}; {rule}")
    if not parts:
        raise ValueError(f"{file}: a header and no lines; add a line per picture")
    for part in parts.values():
        part.pictures = part.files
    return Layout("a table", parts)


def _rows(file: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and the rows that are not blank with their line numbers."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{file}: not UTF-8; save the table as UTF-8 text") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)  # spreadsheets write ; where the comma is decimal
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    if not rows:
        raise ValueError(f"{file}: empty; a table starts with the line file,label")
    return [cell.strip() for cell in rows[0][1]], rows[1:]


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Where file, label and split stand, as far as they are there."""
    lower = [name.lower() for name in header]
    found = {}
    for column, words in COLUMNS.items():
        at = [lower.index(word) for word in words if word in lower]
        if at:
            found[column] = at[0]
    return found


def _yes_and_no(
    header: Sequence[str], rows: Sequence[tuple[int, list[str]]], columns: Mapping[str, int]
) -> dict[str, int]:
    """Where there is no column of labels: a column each for two or more of them, 1 or 0 in each
    line. Empty where this is not so.
    """
    rest = {name: at for at, name in enumerate(header) if at not in columns.values() and name}
    if "label" in columns or len(rest) < 2 or not rows:
        return {}
    known = YES | NO
    right = all(
        at < len(row) and row[at].strip().lower() in known
        for _, row in rows
        for at in rest.values()
    )
    return rest if right else {}


def _is_yes(cell: str) -> bool:
    return cell.strip().lower() in YES


def _split(file: Path, line: int, cells: Mapping[str, str]) -> str:
    if "split" not in cells:
        return WHOLE
    word = cells["split"].lower()
    if word not in SPLITS:
        raise ValueError(f"{file}, line {line}: {unknown('split', cells['split'], SPLITS)}")
    return SPLITS[word]
