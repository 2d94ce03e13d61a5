"""`hubel show NET`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hubel.analysis.account import Line
    from hubel.verbs.show import Shown


def show(
    network: Annotated[
        str, typer.Argument(metavar="NET", help="A name, or package.module:build of your own.")
    ],
    input: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Channels and sides, such as 3x224x224."),
    ] = None,
    word: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD=VALUE", help="A word of the family: skip=none; repeatable."),
    ] = None,
    object_size: Annotated[
        float | None,
        typer.Option(min=1, help="Pixels of a typical object, for the warnings."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="A line for every layer.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every layer.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with bars for each layer.")
    ] = None,
) -> None:
    """Show a network's table, and what each layer gives, holds, costs and sees."""
    import json

    from hubel.verbs.show import ablation_words
    from hubel.verbs.show import show as verb

    found = verb(network, input, object_size=object_size, **ablation_words(network, word or ()))
    if html:
        found.write(html)
    print(json.dumps(found.to_dict(), indent=1) if as_json else _text(found, every))
    if html and not as_json:
        print(f"\nThe page: {html}")


def _text(found: Shown, every: bool) -> str:
    lines = _table(found.layers if every else found.blocks)
    account = found.account
    parts = [
        found.paper,
        lines,
        f"{account.params:,} parameters, {account.macs:,} MACs, {2 * account.macs:,} FLOPs, "
        f"{_bytes(found.activations)}B of activations\n"
        f"for one picture of {'x'.join(map(str, found.size))} in float32",
        *(textwrap.fill(f"Note: {sentence}", 96) for sentence in found.warnings),
    ]
    return "\n\n".join(filter(None, parts))


def _table(lines: Sequence[Line]) -> str:
    """At most 100 columns: names as long as they are, up to 30 characters."""
    head = ("layer", "kind", "output", "params", "MACs", "FLOPs", "bytes", "sees", "step", "at")
    rows = [
        (
            line.name or "-" if len(line.name) <= 30 else f"..{line.name[-28:]}",
            line.kind[:17] + (f" x{line.times}" if line.times > 1 else ""),
            "x".join(map(str, line.shape)) or "-",
            _short(line.params),
            _short(line.macs),
            _short(line.flops),
            _bytes(line.activations),
            *_sight(line),
        )
        for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    text = []
    for cells in (head, *rows):
        names = [cell.ljust(width) for cell, width in zip(cells[:3], widths)]
        numbers = [cell.rjust(width) for cell, width in zip(cells[3:], widths[3:])]
        text.append(" ".join([*names, *numbers]).rstrip())
    return "\n".join(text)


def _sight(line: Line) -> tuple[str, str, str]:
    """Receptive field, stride and centre of the first cell, in pixels; a - where there is none."""
    place = line.place
    if place is None:
        return ("-", "-", "-")
    axes = (place.rows, place.columns)
    field = _both([axis.field for axis in axes])
    if not line.is_map:
        return (field, "-", "-")
    return (field, _both([axis.jump for axis in axes]), _both([axis.offset for axis in axes]))


def _both(numbers: Sequence[float]) -> str:
    return "x".join(f"{round(number, 1):g}" for number in dict.fromkeys(numbers))


def _short(number: int) -> str:
    """Four figures at most: 9,408 or 118M; a - for nothing."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 10_000 and number >= 0.9995 * size:
            return f"{number / size:#.3g}".rstrip(".") + unit
    return f"{number:,}" if number else "-"


def _bytes(number: int) -> str:
    """In units of 1024: 784Ki."""
    for unit, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if number >= size:
            return f"{number / size:.{0 if number >= 99.95 * size else 1}f}{unit}"
    return f"{number}" if number else "-"
