"""The page of `hubel bench`: a bar for every way and batch size, and all figures in a table."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hubel.export.times import Lane, Race, Time
from hubel.report.draw import svg, ticks
from hubel.report.frame import frame
from hubel.report.html import Number, table, text
from hubel.report.words import THIN, duration, milliseconds
from hubel.runtime.files import write_whole

ROW, NAMES, WIDE = 28, 190, 720  # of a plot, in pixels


def write_bench(
    path: str | os.PathLike[str], name: str, size: tuple[int, int], race: Race, processor: str
) -> Path:
    """Write the page and return its path."""
    winners = [(batch, race.fastest(batch)) for batch in race.batches]
    said = [f"{lane.way} at batch {batch}" for batch, lane in winners if lane]
    figures = [
        ("Picture", f"{size[0]} × {size[1]}"),
        ("Threads", str(race.threads)),
        ("Rounds", str(race.rounds)),
        *(
            (f"Fastest at batch {batch}", f"{milliseconds(time.median)}{THIN}ms")
            for batch, lane in winners
            if lane and (time := lane.time(batch))
        ),
    ]
    parts = {f"Batch {batch}": _plot(race, batch) for batch in race.batches}
    parts["Figures"] = _table(race)
    failed = [lane for lane in race.lanes if lane.error]
    if failed:
        lines = (f"{lane.way}, {lane.way.precision}: {lane.error}" for lane in failed)
        parts["What did not run"] = f"<ul>{''.join(f'<li>{text(x)}</li>' for x in lines)}</ul>"
    headline = f"The fastest: {', '.join(said)}" if said else "No engine ran"
    lead = f"{name} on {processor}. Each engine ran in a process of its own, all of them in turns."
    return write_whole(path, frame("hubel bench", headline, lead, figures, parts))


def _plot(race: Race, batch: int) -> str:
    """A bar to the median of each way, and a line from its fastest to its slowest round."""
    found = [(lane, time) for lane in race.lanes if (time := lane.time(batch))]
    found.sort(key=lambda pair: pair[1].median)
    if not found:
        return "<p>Nothing ran.</p>"
    best = race.fastest(batch)
    most = 1e3 * max(time.spread[1] for _, time in found)
    height = ROW * len(found) + 36
    foot = height - 26

    def at(seconds: float) -> float:
        return round(NAMES + 1e3 * seconds / most * (WIDE - NAMES - 20), 1)

    parts = []
    for x in ticks(0, most, 6):
        parts.append(f'<path class="grid" d="M{at(x / 1e3)} 0V{foot}"/>')
        parts.append(f'<text x="{at(x / 1e3)}" y="{height - 8}" class="middle">{x:g}</text>')
    for n, (lane, time) in enumerate(found):
        parts += _bar(lane, time, ROW * n, at, lane is best)
    words = "; ".join(f"{_name(lane)} {milliseconds(time.median)} ms" for lane, time in found)
    return (
        "<p>Milliseconds of a call: the median of the rounds, and the fastest and the slowest of "
        "them. The fastest of those with the same answers is in colour.</p>"
        f'<figure style="max-width: 46rem">{svg(WIDE, height, words, parts)}</figure>'
    )


def _bar(lane: Lane, time: Time, top: float, at: Callable[[float], float], best: bool) -> list[str]:
    low, high = time.spread
    y = top + ROW / 2
    kind = "fill" if best else "rest"
    return [
        f'<text x="{NAMES - 12}" y="{y + 4}" class="end">{text(_name(lane))}</text>',
        f'<path class="{kind}" d="M{NAMES} {top + 6}H{at(time.median)}V{top + ROW - 6}H{NAMES}z"/>',
        f'<path class="line train" d="M{at(low)} {y}H{at(high)}"/>',
    ]


def _name(lane: Lane) -> str:
    return str(lane.way) if lane.way.precision == "float32" else f"{lane.way}, {lane.way.precision}"


def _table(race: Race) -> str:
    head = ["Engine", "Precision"]
    for batch in race.batches:
        head += [f"Batch {batch}, ms", "pictures/s"]
    head += ["Begins", "Memory", "Differs"]
    rows: list[list[str | Number]] = []
    for lane in race.lanes:
        if lane.error:
            continue
        row: list[str | Number] = [str(lane.way), lane.way.precision]
        for batch in race.batches:
            time = lane.time(batch)
            if time is None:
                row += [Number(float("nan"), "–")] * 2
                continue
            row.append(Number(time.median, milliseconds(time.median)))
            row.append(Number(time.pictures, f"{time.pictures:,.0f}"))
        memory = lane.memory or float("nan")
        row += [
            Number(lane.first, duration(lane.first)),
            Number(memory, f"{memory / 2**20:,.0f}{THIN}MiB" if lane.memory else "–"),
            Number(lane.differs, f"{lane.differs:.1g}"),
        ]
        rows.append(row)
    return (
        "<p>Begins: from the start of the process to the first answers, compilation included. "
        "Memory: the most that the process had. Differs: the largest difference of an output from "
        "the first engine's, as a share of the largest output.</p>"
        + table(head, rows, caption="Every way to run it", sortable=True)
    )
