"""`hubel compare RUN RUN...`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hubel.verbs.compare import Compared


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN...", help="Run folders; seeds of a recipe are one entry."),
    ],
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with accuracy against each cost."),
    ] = None,
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Say whether runs really differ, on the same pictures, and what each of them costs."""
    import json

    from hubel.verbs.compare import compare as verb

    found = verb(runs)
    if html:
        found.write(html)
    print(json.dumps(found.to_dict(), indent=1) if as_json else said(found))
    if html and not as_json:
        print(f"\nThe page: {html}")


def said(found: Compared) -> str:
    """The table of entries and a verdict for every two of them."""
    from hubel.report.words import amount, duration

    head = ("entry", "seeds", "top-1", "+-", "params", "MACs", "one picture", "training")
    rows = [
        (
            entry.name,
            str(entry.seeds),
            f"{100 * entry.score:.2f} %",
            "" if math.isnan(entry.deviation) else f"{100 * entry.deviation:.2f}",
            "-" if math.isnan(cost.params) else amount(cost.params),
            "-" if math.isnan(cost.macs) else amount(cost.macs),
            f"{cost.latency:.2f} ms",
            duration(cost.training),
        )
        for entry, cost in zip(found.entries, found.costs)
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    lines = [
        "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]).rstrip()
        for cells in (head, *rows)
    ]
    return "\n".join([*lines, "", *map(str, found.pairs)])
