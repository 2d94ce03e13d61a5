"""The catalogue of registered networks, readable without the framework.

`networks/catalogue.csv` is written from the registered networks by `python -m
hubel.analysis.catalogue`; `networks/accuracy.csv` holds what papers and published weights reach.
"""

from __future__ import annotations

import csv
import fnmatch
import io
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from hubel.runtime.names import unknown


@dataclass(frozen=True)
class Entry:
    """What is known of a network before it is built: its paper, and its counts at `size`."""

    name: str
    year: int
    paper: str
    authors: str
    arxiv: str
    size: int
    params: int
    macs: int


@dataclass(frozen=True)
class Accuracy:
    """Percent of validation pictures answered right, as published; None where it is not known.

    `paper_*` is what the paper says of one network under its `protocol` (crops at test time);
    `weights_*` what the published `weights` reach with one crop.
    """

    name: str
    data: str
    paper_top1: float | None
    paper_top5: float | None
    protocol: str
    weights_top1: float | None
    weights_top5: float | None
    weights: str


def catalogue(pattern: str = "*") -> list[tuple[Entry, Accuracy | None]]:
    """The networks whose names match a shell pattern, a part of a name, or all: in families' order.

    ValueError where there is none, with the nearest names.
    """
    accuracies = {found.name: found for found in accuracy()}
    known = entries()
    wanted = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    names = [e.name for e in known if fnmatch.fnmatchcase(e.name, wanted.lower())]
    if not names:
        raise unknown("network", pattern, (e.name for e in known))
    return [(e, accuracies.get(e.name)) for e in known if e.name in names]


def entries() -> list[Entry]:
    """The packaged catalogue."""
    return [
        Entry(**line | {word: int(line[word] or 0) for word in ("year", "size", "params", "macs")})
        for line in _lines("catalogue.csv")
    ]


def accuracy() -> list[Accuracy]:
    """The packaged table of published accuracies."""
    numbers = ("paper_top1", "paper_top5", "weights_top1", "weights_top5")
    return [
        Accuracy(**line | {word: float(line[word]) if line[word] else None for word in numbers})
        for line in _lines("accuracy.csv")
    ]


def _lines(name: str) -> list[dict[str, Any]]:
    # By path, not by package: importing hubel.networks would import the framework.
    text = files("hubel").joinpath(f"networks/{name}").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def counted(name: str) -> Entry:
    """The entry of a registered network, counted on its table; this needs the framework."""
    import torch

    from hubel import networks

    with torch.device("meta"):
        network = networks.Network(networks.specification(name))
    spec, account = network.spec, network.account()
    return Entry(
        name=name,
        year=int(spec.facts["year"]),
        paper=spec.facts["paper"],
        authors=spec.facts["authors"],
        arxiv=spec.facts.get("arxiv", ""),
        size=spec.size,
        params=account.params,
        macs=account.macs,
    )


def write() -> None:
    """Write catalogue.csv anew."""
    from pathlib import Path

    from hubel import networks
    from hubel.runtime.files import write_whole

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    head = [field.name for field in fields(Entry)]
    table.writerow(head)
    for name in networks.names():
        entry = counted(name)
        table.writerow([getattr(entry, word) for word in head])
    write_whole(Path(networks.__file__).with_name("catalogue.csv"), text.getvalue())


if __name__ == "__main__":
    write()
