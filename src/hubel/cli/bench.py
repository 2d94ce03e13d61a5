"""`hubel bench BUNDLE|NET`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hubel.export.times import Lane, Race
    from hubel.verbs.bench import Bench


def bench(
    what: Annotated[str, typer.Argument(metavar="BUNDLE|NET", help="A bundle, a run, or a name.")],
    batch: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Pictures at a time; repeatable. 1 and 16 by default."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each engine.")] = 7,
    engine: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this engine; repeatable.")
    ] = None,
    engine_threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of an engine; one per processor by default.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Let predict take the fastest for this bundle.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Let int8 win too, where the bundle has it.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with the plots.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every round.")] = False,
) -> None:
    """Time every engine and precision of this machine, in turns, and keep the fastest."""
    import json

    from hubel.verbs.bench import bench as verb

    found = verb(
        what, batch=batch or (1, 16), rounds=rounds, engines=engine or (), threads=engine_threads,
        save=save, int8=int8, say=_say if sys.stderr.isatty() else lambda text: None,
    )  # fmt: skip
    if sys.stderr.isatty():
        _say("")
    if html:
        found.write(html)
    print(json.dumps(found.to_dict(), indent=1) if as_json else said(found))
    if html and not as_json:
        print(f"\nThe page: {html}")
    if not any(lane.times for lane in found.race.lanes):
        raise typer.Exit(1)


def _say(text: str) -> None:
    print(f"\r{text:<60}", end="" if text else "\r", file=sys.stderr, flush=True)


def said(found: Bench) -> str:
    """The table, a line for each way, and who won."""
    height, width = found.size
    head = ["engine", "precision"]
    for batch in found.race.batches:
        head += [f"{batch}: ms", "from..to", *(["pictures/s"] if batch > 1 else [])]
    head += ["begins", "memory", "differs"]
    rows = [
        head,
        *([*_row(lane, found.race.batches)] for lane in found.race.lanes if not lane.error),
    ]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        f"{found.name}, {height}x{width}, {found.race.threads} threads, "
        f"{found.machine['processor']}, median of {found.race.rounds} rounds",
        "",
    ]
    for cells in rows:
        names = [cell.ljust(size) for cell, size in zip(cells[:2], widths[:2])]
        lines.append("  ".join([*names, *map(str.rjust, cells[2:], widths[2:])]).rstrip())
    lines += ["", *(_winner(found.race, batch) for batch in found.race.batches)]
    lines += [f"{lane.way} ({lane.way.precision}) does not run here: {lane.error}"
              for lane in found.race.lanes if lane.error]  # fmt: skip
    if found.kept:
        lines.append("hubel predict takes these engines for this bundle from now on")
    return "\n".join(lines)


def _row(lane: Lane, batches: tuple[int, ...]) -> list[str]:
    from hubel.report.words import milliseconds

    cells = [str(lane.way), lane.way.precision]
    for batch in batches:
        time = lane.time(batch)
        if time is None:
            cells += ["-"] * (3 if batch > 1 else 2)
            continue
        low, high = time.spread
        cells += [milliseconds(time.median), f"{milliseconds(low)}..{milliseconds(high)}"]
        cells += [f"{time.pictures:,.0f}"] if batch > 1 else []
    memory = f"{lane.memory / 2**20:,.0f} MiB" if lane.memory else "-"
    return [*cells, f"{lane.first:.1f} s", memory, f"{lane.differs:.0e}" if lane.differs else "-"]


def _winner(found: Race, batch: int) -> str:
    first, ships = found.fastest(batch), found.fastest(batch, ships=True)
    if first is None:
        return f"batch {batch}: nothing ran"
    line = f"batch {batch}: {first.way} is the fastest"
    if ships is not None and ships is not first:
        line += f"; of those that predict can take, {ships.way}"
    return line
