"""The page of `hubel compare`: the differences with their intervals, and accuracy against cost."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from hubel.analysis.compare import Cost, Entry, Pair, front
from hubel.report.draw import Axes, svg, ticks
from hubel.report.frame import frame
from hubel.report.html import Number, table, text
from hubel.report.words import THIN, amount, digits_for, duration, percent
from hubel.runtime.files import write_whole

Shown = tuple[str, str, Callable[[float], str]]
COSTS: tuple[Shown, ...] = (
    ("params", "Parameters", amount),
    ("macs", "MACs of a picture", amount),
    ("latency", "Milliseconds for a picture", "{:.3g}".format),
    ("training", "Seconds of training", "{:.3g}".format),
)
ROW, NAMES, WIDE = 30, 250, 720  # of the plot of differences, in pixels


def write_compare(
    path: str | os.PathLike[str],
    entries: Sequence[Entry],
    costs: Sequence[Cost],
    pairs: Sequence[Pair],
) -> Path:
    """Write the page of these entries, the best first, and return its path."""
    pictures = entries[0].right.shape[1]
    runs = sum(entry.seeds for entry in entries)
    real = sum(pair.real for pair in pairs)
    top = pairs[0]
    best, second = entries[0].name, entries[1].name
    headline = (
        f"{best} is better than {second}"
        if top.real
        else f"No difference is shown between {best} and {second}"
    )
    verdicts = "".join(f"<li>{text(pair)}</li>" for pair in pairs)
    parts = {
        "Verdicts": f"<ul>{verdicts}</ul>",
        "Differences": _differences(pairs),
        "Accuracy and cost": _plots(entries, costs),
        "Entries": _table(entries, costs, pictures),
    }
    figures = [
        ("Entries", str(len(entries))),
        ("Runs", str(runs)),
        ("Validation pictures", f"{pictures:,}"),
        ("Real differences", f"{real} of {len(pairs)}"),
    ]
    lead = str(top)
    return write_whole(path, frame("hubel compare", headline, lead, figures, parts))


def _differences(pairs: Sequence[Pair]) -> str:
    """A line for every pair: the difference as a dot, its 95 % interval as a bar, zero marked."""
    height = ROW * len(pairs) + 40
    low, high = min(0, *(p.low for p in pairs)), max(0, *(p.high for p in pairs))
    pad = 0.06 * (high - low) or 0.01
    low, high = 100 * (low - pad), 100 * (high + pad)

    def at(points: float) -> float:
        return round(NAMES + (points - low) / (high - low) * (WIDE - NAMES - 20), 1)

    foot = height - 30
    parts = []
    for x in ticks(low, high, 6):
        kind = "diagonal" if x == 0 else "grid"
        parts.append(f'<path class="{kind}" d="M{at(x)} 4V{foot}"/>')
        parts.append(f'<text x="{at(x)}" y="{height - 12}" class="middle">{x:g}</text>')
    for n, pair in enumerate(pairs):
        y = ROW * (n + 0.5)
        name = f"{pair.first} – {pair.second}"
        short = name if len(name) <= 40 else name[:39] + "…"
        kind = "val" if pair.real else "train"
        left, right = at(100 * pair.low), at(100 * pair.high)
        parts += [
            f'<text x="{NAMES - 14}" y="{y + 4}" class="end">{text(short)}</text>',
            f'<path class="line {kind}" d="M{left} {y}H{right}"><title>{text(pair)}</title></path>',
            f'<circle class="{kind}" cx="{at(100 * pair.difference)}" cy="{y}" r="4.5"/>',
        ]
    label = "Differences with their intervals; the verdicts say the same in words"
    return (
        "<p>Top-1 accuracy of the first minus the second, in percentage points, with the 95 % "
        "interval of a paired bootstrap over the pictures. A real difference is in colour.</p>"
        f'<figure style="max-width: 46rem">{svg(WIDE, height, label, parts)}</figure>'
    )


def _plots(entries: Sequence[Entry], costs: Sequence[Cost]) -> str:
    plots = [
        _plot(entries, [getattr(cost, key) for cost in costs], title, show)
        for key, title, show in COSTS
    ]
    return (
        "<p>The line joins those that no other beats at less cost. Bars are one standard deviation "
        "over seeds.</p>"
        f'<div class="plots">{"".join(plots)}</div>'
    )


def _plot(
    entries: Sequence[Entry], costs: Sequence[float], title: str, show: Callable[[float], str]
) -> str:
    known = [(c, e) for c, e in zip(costs, entries) if not math.isnan(c) and c > 0]
    if len(known) < 2:
        return ""
    spread = [0.0 if math.isnan(e.deviation) else e.deviation for _, e in known]
    tops = [e.score + s for (_, e), s in zip(known, spread)]
    feet = [e.score - s for (_, e), s in zip(known, spread)]
    room = 0.15 * (max(tops) - min(feet)) or 0.01
    xs = [math.log10(c) for c, _ in known]
    wide = 0.12 * (max(xs) - min(xs)) or 0.1
    axes = Axes(min(xs) - wide, max(xs) + wide, min(feet) - room, max(tops) + room)
    steps = ticks(axes.y0, axes.y1, 6)
    digits = max(0, -math.floor(math.log10(steps[1] - steps[0]) + 1e-9) - 2) if steps[1:] else 1
    parts = axes.grid([], steps, lambda y: f"{100 * y:.{digits}f}{THIN}%")
    for cost in sorted({min(c for c, _ in known), max(c for c, _ in known)}):
        x = axes.at(math.log10(cost), axes.y0)[0]
        parts.append(f'<text x="{x}" y="{axes.height - 6}" class="middle">{show(cost)}</text>')
    places = [axes.at(x, e.score) for x, (_, e) in zip(xs, known)]
    best = [places[i] for i in front([(x, e.score) for x, (_, e) in zip(xs, known)])]
    path = f"M{best[0][0]} {best[0][1]}" + "".join(f"H{x}V{y}" for x, y in best[1:])
    parts.append(f'<path class="line second" d="{path}"/>')
    for (x, y), (cost, entry), s in zip(places, known, spread):
        reach = abs(axes.at(0, entry.score + s)[1] - y)
        bar = f'<path class="line train" d="M{x} {y - reach:g}V{y + reach:g}"/>' if s else ""
        said = text(f"{entry.name}: {percent(entry.score, 2)} at {show(cost)}")
        name = entry.name if len(entry.name) <= 24 else entry.name[:23] + "…"
        side = f'x="{x + 8}"' if x < axes.width / 2 else f'x="{x - 8}" class="end"'
        parts.append(f'{bar}<circle cx="{x}" cy="{y}" r="4"><title>{said}</title></circle>')
        parts.append(f'<text {side} y="{y - 6:g}">{text(name)}</text>')
    label = f"Top-1 accuracy against {title.lower()}; the table of entries says the same"
    return (
        f'<figure class="plot"><figcaption><b>{title}</b></figcaption>'
        f"{svg(axes.width, axes.height, label, parts)}</figure>"
    )


def _table(entries: Sequence[Entry], costs: Sequence[Cost], pictures: int) -> str:
    digits = digits_for(pictures)
    rows: list[list[str | Number]] = [
        [
            entry.name,
            Number(entry.seeds, str(entry.seeds)),
            Number(entry.score, percent(entry.score, digits)),
            Number(entry.deviation, _known(entry.deviation, lambda d: f"{100 * d:.2f}")),
            Number(cost.params, _known(cost.params, amount)),
            Number(cost.macs, _known(cost.macs, amount)),
            Number(cost.latency, f"{cost.latency:.2f}{THIN}ms"),
            Number(cost.training, duration(cost.training)),
        ]
        for entry, cost in zip(entries, costs)
    ]
    head = ("Entry", "Seeds", "Top-1", "±", "Parameters", "MACs", "One picture", "Training")
    return table(head, rows, caption="Every entry", sortable=True)


def _known(value: float, show: Callable[[float], str]) -> str:
    return "–" if math.isnan(value) else show(value)
