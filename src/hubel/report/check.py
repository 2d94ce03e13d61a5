"""Write check.html: what is wrong with a data set, with the pictures beside each other."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from hubel.data.check import CORRUPT, KINDS, LEAKS, Checked, Group, in_words
from hubel.data.survey import Look
from hubel.pictures import read_picture
from hubel.report.draw import histogram
from hubel.report.frame import frame
from hubel.report.html import Number, facts, table, text, tile, tiles
from hubel.report.words import counted, percent
from hubel.runtime.files import write_whole

T = TypeVar("T")

LISTED = 300  # findings that are named one by one on the page; --json has all
GROUPS, PER_GROUP = 12, 6  # repeated pictures of a section
SHEETS, PER_SHEET = 24, 8  # classes of the contact sheets
ODD = 24  # odd pictures that are shown


def write_check(path: str | os.PathLike[str], found: Checked) -> Path:
    """Write the page of a checked data set and return its path.

    The few pictures that are shown are read again; the size of the page hardly depends on the
    number of pictures.
    """
    parts = {"Findings": _findings(found)}
    for name, last, words in (
        ("Leaks", "leak", "Seen in training and asked again: keep each in one part of the data."),
        ("Conflicts", "conflict", "One picture, several labels: keep it under the right one."),
        ("Duplicates", "duplicate", "Pictures that count several times: keep one of each."),
    ):
        groups = [group for group in found.groups if group.kinds[-1].endswith(last)]
        if last == "leak":
            groups = [group for group in found.groups if LEAKS & set(group.kinds)]
        if groups:
            parts[name] = _repeated(found, groups, words)
    if odd := _odd(found):
        parts["Odd pictures"] = odd
    parts["Classes"] = _classes(found)
    if found.looks:
        parts["Sizes and colours"] = _sizes(found)
        parts["Contact sheets"] = _sheets(found)
    page = frame(found.data.name, _headline(found), _lead(found), _figures(found), parts)
    return write_whole(path, page)


def _count(found: Checked, kinds: Iterable[str]) -> int:
    return sum(found.kinds.get(kind, 0) for kind in kinds)


def _headline(found: Checked) -> str:
    if not found.findings:
        return f"Nothing wrong was found in {counted(len(found.looks), 'picture')}"
    first, count = next(iter(found.kinds.items()))
    leaks, corrupt = _count(found, LEAKS), _count(found, CORRUPT)
    if leaks or corrupt:
        said = [counted(corrupt, "corrupt file")] * bool(corrupt)
        said += [f"{counted(leaks, 'picture')} in several parts of the data"] * bool(leaks)
        return " and ".join(said)
    return f"No corrupt file and no leak; {count:,} × {first}"


def _lead(found: Checked) -> str:
    whole = f"{counted(len(found.looks), 'readable picture')} of {found.data.where}"
    return f"{whole}, {found.split}. Nothing was changed."


def _figures(found: Checked) -> list[tuple[str, str]]:
    figures = {
        "Pictures": len(found.looks),
        "Corrupt files": _count(found, CORRUPT),
        "Leaks": _count(found, LEAKS),
        "Label conflicts": _count(found, ("conflict", "near conflict")),
        "Duplicates": _count(found, ("duplicate",)),
        "Near duplicates": _count(found, ("near duplicate",)),
    }
    return [(name, f"{count:,}") for name, count in figures.items()]


def _findings(found: Checked) -> str:
    if not found.findings:
        return "<p>None: every file can be read, and no picture is there twice.</p>"
    kinds = table(
        ["Finding", "Count", "What it is"],
        [
            [kind, Number(count, f"{count:,}"), KINDS.get(kind, "pictures that are left out")]
            for kind, count in found.kinds.items()
        ],
        caption="Kinds of findings",
    )
    few = found.findings[:LISTED]
    every = table(
        ["Picture", "Finding", "Message"],
        [[finding.name, finding.kind, finding.message] for finding in few],
        caption="Findings",
        sortable=True,
    )
    more = f"<p>By name, the first {LISTED} of {len(found.findings):,}; --json gives all.</p>"
    return f"<p>The heaviest first.</p>{kinds}<br>{more if len(few) == LISTED else ''}{every}"


def _pixels(found: Checked, look: Look) -> np.ndarray:
    source = found.data.train if look.part == "train" else found.data.val
    return read_picture(source.read(look.index))


def _tile(found: Checked, look: Look, label: str | None = None) -> str:
    return tile(_pixels(found, look), label or in_words(look, found.data.classes), name=look.name)


def _repeated(found: Checked, groups: Sequence[Group], words: str) -> str:
    """The pictures of each group beside each other, with their labels and, if several, parts."""
    blocks = []
    for group in _some(groups, GROUPS):
        shown = group.some(PER_GROUP)
        labels = [in_words(look, found.data.classes) for look in shown]
        if len(group.parts) > 1:
            labels = [f"{label}, {look.part}" for label, look in zip(labels, shown)]
        kinds = " and ".join(group.kinds)
        more = f" ({len(group.looks)} pictures)" if len(group.looks) > len(shown) else ""
        pictures = tiles(_tile(found, look, label) for look, label in zip(shown, labels))
        blocks.append(f'<div class="pair"><h3>{text(kinds + more)}</h3>{pictures}</div>')
    which = f"{GROUPS} of {len(groups):,}. " if len(groups) > GROUPS else ""
    return f'<p>{which}{text(words)}</p><div class="columns">{"".join(blocks)}</div>'


def _some(items: Sequence[T], most: int) -> list[T]:
    """So many of them at most, spread evenly."""
    places = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[i] for i in places.tolist()]


def _odd(found: Checked) -> str:
    """The pictures that can be read and are unlike the others, their oddness as the label."""
    named = {look.name: look for look in found.looks}
    later = list(KINDS)[list(KINDS).index("one colour") :]
    odd = [f for f in found.findings if f.kind in later and f.name in named]
    if not odd:
        return ""
    which = f"{ODD} of {len(odd):,}" if len(odd) > ODD else "All"
    return f"<p>{which}, shown as Hubel reads them: upright, in RGB.</p>" + tiles(
        _tile(found, named[finding.name], finding.kind) for finding in _some(odd, ODD)
    )


def _classes(found: Checked) -> str:
    most = max(max(int(counts.max()) for counts in found.counts.values()), 1)
    total = {part: max(pictures, 1) for part, pictures in found.pictures.items()}
    rows: list[list[str | Number]] = []
    for k, label in enumerate(found.data.classes):
        row: list[str | Number] = [label]
        for part, counts in found.counts.items():
            count = int(counts[k])
            row.append(Number(count, f"{count:,}", bar=count / most))
            row.append(Number(count, percent(count / total[part])))
        rows.append(row)
    head = ["Class", *(word for part in found.counts for word in (part, "share"))]
    return "<p>Readable pictures of every class.</p>" + table(
        head, rows, caption="Label distribution", sortable=True
    )


def _sizes(found: Checked) -> str:
    sizes = found.sizes
    mean, deviation = found.statistics
    modes = Counter(look.header.mode for look in found.looks).most_common()
    known = [
        ("Mean of the values (0..1)", ", ".join(f"{value:.4f}" for value in mean)),
        ("Deviation", ", ".join(f"{value:.4f}" for value in deviation)),
        ("Colour modes", ", ".join(f"{mode} {count:,}" for mode, count in modes)),
    ]
    (tall, wide), many = sizes.max(axis=0).tolist(), Counter(map(tuple, sizes.tolist()))
    if len(many) == 1:
        return f"<p>Every picture is {wide} × {tall} pixels.</p>{facts(known)}"
    plots = ""
    for name, values in (("Width", sizes[:, 1]), ("Height", sizes[:, 0])):
        if np.ptp(values):
            counts, edges = np.histogram(values, min(24, int(np.ptp(values)) + 1))
            plots += histogram(f"{name} in pixels", "picture", counts.tolist(), edges.tolist())
    rows: list[list[str | Number]] = [
        [
            f"{width} × {height}",
            Number(count, f"{count:,}"),
            Number(width / height, f"{width / height:.2f}"),
        ]
        for (height, width), count in many.most_common(12)
    ]
    common = table(["Size", "Pictures", "Width by height"], rows, caption="Commonest sizes")
    return (
        f"<p>Width × height as the pictures are seen, upright. {len(many):,} different sizes; "
        f'the {len(rows)} commonest stand in the table.</p><div class="plots">{plots}</div>'
        f'<div class="columns"><div>{facts(known)}</div>{common}</div>'
    )


def _sheets(found: Checked) -> str:
    """A few pictures of each class, drawn at random, the same ones every time."""
    blocks = []
    members: dict[int, list[Look]] = {}
    for look in found.looks:
        for number in look.labels:
            members.setdefault(number, []).append(look)
    draws = np.random.default_rng(0)
    for target in sorted(members)[:SHEETS]:
        looks = members[target]
        chosen = np.sort(draws.choice(len(looks), min(PER_SHEET, len(looks)), replace=False))
        pictures = tiles(_tile(found, looks[i]) for i in chosen.tolist())
        label = found.data.classes[target]
        blocks.append(f'<div class="pair"><h3>{text(label)}</h3>{pictures}</div>')
    which = f" The first {SHEETS} of {len(members)} classes." if len(members) > SHEETS else ""
    return f"<p>Pictures of every class, drawn at random.{which}</p>{''.join(blocks)}"
