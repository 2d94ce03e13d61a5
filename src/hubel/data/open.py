"""Pictures with targets from any layout, told apart into training and validation."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import Path
from typing import TypeVar

import numpy as np

from hubel.data.digits import read_digits
from hubel.data.folders import EXAMPLE, read_folders
from hubel.data.layout import WHOLE, Layout, Part, in_order
from hubel.data.parquet import read_parquet
from hubel.data.table import is_table, read_table
from hubel.data.types import Data, Source, class_counts, strata

S = TypeVar("S", bound=Source)

OTHER_TASKS = frozenset({"images", "masks", "labels", "annotations", "jpegimages", "imagesets"})
"""Folders that do not say what the pictures in them show."""


def open_data(
    where: str | os.PathLike[str], *, seed: int = 0, val: float = 0.2, download: bool = False
) -> Data:
    """A data set from what lies at a path, or by name.

    A path leads to a folder per class (with or without train and val folders), a CSV or TSV
    (file,label and, if wanted, split), or parquet as the hub keeps it. Names are `digits`, which
    is always there, and mnist, cifar10, cifar100, fashion_mnist or any `owner/name` of the hub:
    they are looked for in the folder HUBEL_DATA and the cache, and fetched only if `download`.

    Where there is no validation part, the test part takes its place; where there is neither,
    the share `val` of every class is set aside, chosen by `seed` and the names, and every class
    with two pictures is on both sides; a picture of several classes counts for the rarest of
    them. With val=1 all of it is for validation.

    ValueError, with the file and the remedy, for whatever cannot be a data set.
    """
    if not 0 < val <= 1:
        raise ValueError(
            f"val={val}; it is the share of the pictures set aside, above 0 and up to 1"
        )
    name, layout = _read(os.fspath(where), download)
    given = [label for part in layout.parts.values() for label in part.labels]
    several = any(isinstance(label, tuple) for label in given)
    labels = [label for some in given for label in some] if several else given
    classes = layout.classes or in_order(labels)
    if {label.lower() for label in labels} <= OTHER_TASKS and labels:
        folders = " and ".join(sorted(set(labels)))
        rule = "these are the folders of data for detection or segmentation, not of classes"
        raise ValueError(f"{where}: pictures only in {folders}; {rule}; {EXAMPLE}")
    if len(set(labels)) < 2:
        found = f"only one class ({labels[0]})" if labels else "no pictures"
        raise ValueError(f"{where}: {found}; a classifier needs two or more; {EXAMPLE}")
    parts = {name: _source(part, classes, several) for name, part in layout.parts.items()}
    train, val_, split = train_and_val(parts, where, seed, val)
    for part in parts:
        if parts[part] is val_ and len(train):
            _check_classes(where, part, train, val_)
    return Data(
        name=name,
        where=os.fspath(where),
        classes=classes,
        train=train,
        val=val_,
        findings=tuple(layout.findings),
        split=split,
        licence=layout.licence,
        fingerprint=fingerprint(classes, train, val_),
        test=parts.get("test"),
    )


def _read(where: str, download: bool) -> tuple[str, Layout]:
    """What to call the data set, and its layout."""
    if not where:
        raise ValueError("no data set was named; give a folder, a file or a name such as digits")
    path = Path(where)
    if path.is_dir():
        return path.resolve().name, _read_folder(path)
    if path.is_file():
        return path.stem, _read_file(path)
    if where == "digits":
        return where, read_digits()
    from hubel.data.hub import find

    folder, licence = find(where, download)
    layout = _read_folder(folder)
    layout.licence = layout.licence or licence
    return where, layout


def _read_file(path: Path) -> Layout:
    if path.suffix.lower() in (".csv", ".tsv"):
        return read_table(path)
    if path.suffix.lower() == ".parquet":
        return read_parquet(path)
    raise ValueError(f"{path}: not a data set; name a folder, a .csv, a .tsv or a .parquet file")


def _read_folder(path: Path) -> Layout:
    if next(path.rglob("*.parquet"), None):
        return read_parquet(path)
    tables = [file for file in sorted(path.iterdir()) if is_table(file)]
    if len(tables) > 1:
        names = ", ".join(table.name for table in tables)
        raise ValueError(f"{path}: several tables ({names}); name the one you mean")
    return read_table(tables[0]) if tables else read_folders(path)


def _source(part: Part, classes: tuple[str, ...], several: bool) -> Source:
    place = {label: number for number, label in enumerate(classes)}
    if several:
        targets = np.zeros((len(part.labels), len(classes)), np.uint8)
        for i, labels in enumerate(part.labels):
            targets[i, [place[label] for label in labels]] = 1
    else:
        targets = np.array([place[label] for label in part.labels], np.int64)
    return Source(classes, part.names, targets, part.pictures, tuple(part.files))


def _check_classes(where: object, part: str, train: Source, held: Source) -> None:
    k = len(train.classes)
    there = [class_counts(source.targets, k) > 0 for source in (held, train)]
    alien = np.flatnonzero(there[0] & ~there[1])
    if len(alien):
        label = train.classes[alien[0]]
        remedy = "add pictures of it to train or remove it"
        raise ValueError(f"{where}: the class {label} is in {part} but not in train; {remedy}")


def train_and_val(parts: dict[str, S], where: object, seed: int, val: float) -> tuple[S, S, str]:
    """The part to train on, that to validate on, and in words how they were told apart."""
    given = next((name for name in ("val", "test") if name in parts and "train" in parts), None)
    if given:
        train, held = parts["train"], parts[given]
        words = "train and val as they are given"
        if given == "test":
            words = "train as given; val is the test part, because there is no validation part"
        elif "test" in parts:
            words += "; the test part is left alone"
        return train, held, words
    if len(parts) > 1:
        found = " and ".join(parts)
        raise ValueError(f"{where}: {found} but no train part; add one")
    ((name, source),) = parts.items()
    if val == 1:
        return source.take(np.arange(0)), source, "all pictures are for validation"
    side = _set_aside(source, where, seed, val)
    words = f"{val:.0%} of every class set aside for val, chosen by seed {seed}"
    if name != WHOLE:
        words += f" (there is only a {name} part)"
    return source.take(np.flatnonzero(~side)), source.take(np.flatnonzero(side)), words


def _set_aside(source: Source, where: object, seed: int, val: float) -> np.ndarray:
    """Which pictures are for validation (N,).

    A hash of seed and name decides, not their order: a picture added later moves few others.
    """
    side = np.zeros(len(source), bool)
    among, one_each = strata(source.targets), source.targets.ndim == 1
    for target, label in [*enumerate(source.classes), (-1, "none")]:
        members = np.flatnonzero(among == target)
        if len(members) == 1 and not one_each:
            continue  # it is trained on
        if len(members) == 1:
            remedy = "add another or remove the class"
            only = source.names[int(members[0])]
            raise ValueError(f"{where}: the class {label} has one picture ({only}); {remedy}")
        if len(members):
            many = min(max(1, round(len(members) * val)), len(members) - 1)
            side[sorted(members, key=lambda i: lot(seed, source.names[int(i)]))[:many]] = True
    return side


def lot(seed: int, name: str) -> bytes:
    """What decides on which side a picture comes."""
    # NFC: some systems store ä as a and two dots.
    text = unicodedata.normalize("NFC", f"{seed}\0{name}")
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()


def fingerprint(classes: tuple[str, ...], train: Source, val: Source) -> str:
    """32 hexadecimal digits of names, classes, sides and sizes."""
    digest = hashlib.sha256("\0".join(classes).encode("utf-8", "replace"))
    for source in (train, val):
        digest.update("\0".join(source.names).encode("utf-8", "replace"))
        digest.update(source.targets.astype("<i8").tobytes())
        sizes = [file.stat().st_size if file.is_file() else 0 for file in source.files]
        digest.update(np.array(sizes, "<i8").tobytes())
    return digest.hexdigest()[:32]
