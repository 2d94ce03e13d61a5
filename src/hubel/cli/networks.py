"""`hubel networks [PATTERN]`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hubel.analysis.catalogue import Accuracy, Entry
    from hubel.weights import Weights


def networks(
    pattern: Annotated[
        str, typer.Argument(help="A shell pattern ('resnet*') or a part of a name.")
    ] = "*",
    weights: Annotated[
        bool, typer.Option("--weights", help="List the published weights of these networks.")
    ] = False,
    licence: Annotated[
        str, typer.Option(help="With --weights: a licence, or permissive (any use allowed).")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page: accuracy, size, years, all sortable."),
    ] = None,
) -> None:
    """List the networks: paper, parameters, MACs, published accuracy; or their weights."""
    import json
    from dataclasses import asdict

    from hubel.analysis.catalogue import catalogue

    if weights:
        from hubel.weights import listed

        if html:
            raise typer.BadParameter("--html is of the networks; leave out --weights")
        rows = listed(pattern, licence)
        text = json.dumps([row.to_dict() for row in rows], indent=1)
        print(text if as_json else "\n".join(_weights(rows)))
        return
    if licence:
        raise typer.BadParameter("--licence is of weights; add --weights")
    found = catalogue(pattern)
    if html:
        from hubel.report.catalogue import write_catalogue

        write_catalogue(html, found)
    if as_json:
        lines = [asdict(e) | {"accuracy": asdict(a) if a else None} for e, a in found]
        print(json.dumps(lines, indent=1))
    else:
        print("\n".join([*_table(found), *(["", f"The page: {html}"] if html else [])]))


def _table(found: Sequence[tuple[Entry, Accuracy | None]]) -> list[str]:
    """The networks of a paper below its title."""
    width = max(len(entry.name) for entry, _ in found) + 2
    head = f"{'network':<{width}}  {'size':>4} {'params':>8} {'MACs':>7}"
    lines = [f"{head}  {'paper':>6} {'':<16} weights"]
    for (paper, authors, year), group in groupby(found, key=lambda x: _source(x[0])):
        lines += ["", *textwrap.wrap(f"{year}  {paper} ({authors})", 96, subsequent_indent=" " * 6)]
        for entry, accuracy in group:
            line = (
                f"  {entry.name:<{width - 2}}  {entry.size:>4} {_short(entry.params):>8} "
                f"{_short(entry.macs):>7}"
            )
            if accuracy:
                line += (
                    f"  {_percent(accuracy.paper_top1):>6} {accuracy.protocol:<16} "
                    f"{_percent(accuracy.weights_top1)}"
                )
            lines.append(line.rstrip())
    return [
        *lines,
        "",
        f"{len(found)} networks. MACs of one picture at the published size. Accuracy: top-1 of the",
        "validation pictures in percent, of the paper (and how it was asked) and of published",
        "weights; --json says which weights, and top-5.",
    ]


def _weights(rows: Sequence[Weights]) -> list[str]:
    """Published weights, with what decides between them."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'weights':<{width}}  {'top-1':>5}  {'input':>5}  {'outputs':>7}  licence", ""]
    for row in rows:
        side = row.preprocess.size[0]
        lines.append(
            f"{row.name:<{width}}  {_percent(row.top1):>5}  {side:>5}  {row.outputs or 'none':>7}  "
            f"{row.licence}"
        )
    return [
        *lines,
        "",
        f"{len(rows)} weights. Top-1 on ImageNet-1k in percent as published, where it is known;",
        "1000 outputs are its classes. hubel.create(NETWORK, weights=NAME) fetches them once.",
    ]


def _source(entry: Entry) -> tuple[str, str, int]:
    return entry.paper, entry.authors, entry.year


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _short(number: int) -> str:
    """Three figures and the unit: 25.6M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size:
            return f"{number / size:#.3g}".rstrip(".") + unit
    return str(number)
