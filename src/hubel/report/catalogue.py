"""The page of `hubel networks`: accuracy against parameters and over the years."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from hubel.analysis.catalogue import Accuracy, Entry
from hubel.report.draw import Axes, ticks
from hubel.report.frame import frame
from hubel.report.html import Number, table, text
from hubel.report.words import amount
from hubel.runtime.files import write_whole

WIDTH, HEIGHT = 760, 420
WINNERS = (
    (2010, "NEC-UIUC", 28.2),
    (2011, "XRCE", 25.8),
    (2012, "AlexNet", 16.4),
    (2013, "Clarifai", 11.7),
    (2014, "GoogLeNet", 6.7),
    (2015, "ResNet", 3.57),
    (2016, "CUImage", 2.99),
    (2017, "SENet", 2.25),
)
"""ILSVRC classification: year, winning entry (mostly of several networks), top-5 error in percent
on the test pictures; image-net.org, the challenge's result pages."""
PERSON = 5.1  # top-5 error of a trained person: Russakovsky et al. 2015, section 6.4

CLEAR = 'style="paint-order: stroke; stroke: var(--ground); stroke-width: 4px"'  # over a line

Found = Sequence[tuple[Entry, Accuracy | None]]
HEAD = ("Network", "Year", "Size", "Parameters", "MACs", "Paper's top-1", "Weights' top-1")


def write_catalogue(path: str | os.PathLike[str], found: Found) -> Path:
    """Write the page of these networks and return its path."""
    rated = [(entry, best) for entry, accuracy in found if (best := _imagenet(accuracy))]
    parts = {}
    if rated:
        parts["Accuracy and size"] = _against_size(rated)
    parts["The challenge"] = _challenge()
    parts["Networks"] = _table(found)
    lead = (
        f"Parameters from {amount(min(e.params for e, _ in found))} to "
        f"{amount(max(e.params for e, _ in found))}; MACs of one picture at the published size."
    )
    years = sorted({entry.year for entry, _ in found})
    figures = [
        ("Networks", str(len(found))),
        ("With a published ImageNet accuracy", str(len(rated))),
        ("Years", f"{years[0]} to {years[-1]}"),
    ]
    return write_whole(path, frame("hubel networks", "The networks", lead, figures, parts))


def _imagenet(accuracy: Accuracy | None) -> float | None:
    """Top-1 on ImageNet in percent: of published weights with one crop, else of the paper."""
    if accuracy is None or accuracy.data != "ImageNet-1k":
        return None
    return accuracy.weights_top1 or accuracy.paper_top1


def _against_size(rated: Sequence[tuple[Entry, float]]) -> str:
    rated = sorted(rated, key=lambda pair: (pair[0].params, -pair[1]))
    sizes = [math.log10(entry.params) for entry, _ in rated]
    scores = [score for _, score in rated]
    axes = Axes(
        min(sizes) - 0.05,
        max(sizes) + 0.1,
        5 * math.floor(min(scores) / 5),
        5 * math.ceil(max(scores) / 5),
        WIDTH,
        HEIGHT,
    )
    parts = axes.grid([], ticks(axes.y0, axes.y1, 6), lambda y: f"{y:g}")
    for power in range(5, 10):
        for mantissa in (1, 2, 5):
            x = math.log10(mantissa * 10**power)
            if axes.x0 <= x <= axes.x1:
                shown = text(f"{mantissa * 10**power / 1e6:g} M")
                place = f'x="{axes.at(x, axes.y0)[0]}" y="{HEIGHT - 6}"'
                parts.append(f'<text {place} class="middle">{shown}</text>')
    best = 0.0
    labels: list[tuple[float, float]] = []
    for (entry, score), size in zip(rated, sizes):
        x, y = axes.at(size, score)
        said = text(f"{entry.name} ({entry.year}): {score:.1f} with {amount(entry.params)}")
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="3.5" opacity="0.6"><title>{said}</title></circle>'
        )
        # Names of those that no smaller network beats, as far as there is room for them.
        if score > best and all(abs(y - v) > 13 or x - u > 110 for u, v in labels):
            labels.append((x, y))
            place = f'x="{x - 7}" class="end"' if x > 120 else f'x="{x + 7}"'
            parts.append(f'<text {place} y="{y - 3}">{text(entry.name)}</text>')
        best = max(best, score)
    return (
        "<p>ImageNet top-1 accuracy in percent, of published weights with one crop where there are "
        "any, else of the paper, against parameters. Named are those that no smaller one beats, "
        "where there is room; the others say their name under the pointer.</p>"
        + _figure("Top-1 accuracy against parameters", parts)
    )


def _challenge() -> str:
    axes = Axes(2009.5, 2018.7, 0, 32, WIDTH, 320)
    parts = axes.grid([year for year, _, _ in WINNERS], ticks(0, 30), lambda y: f"{y:g}")
    left, y = axes.at(axes.x0, PERSON)
    right = axes.at(axes.x1, PERSON)[0]
    parts.append(f'<path class="diagonal" d="M{left} {y}H{right}"/>')
    parts.append(f'<text x="{right}" y="{y - 5}" class="end">a trained person, {PERSON}</text>')
    for year, name, error in WINNERS:
        x, top = axes.at(year, error)
        base = axes.at(year, 0)[1]
        parts.append(f'<path class="fill" d="M{x - 22:g} {base}H{x + 22:g}V{top}H{x - 22:g}z"/>')
        parts.append(f'<text x="{x}" y="{top - 17:g}" class="middle" {CLEAR}>{text(name)}</text>')
        parts.append(f'<text x="{x}" y="{top - 4:g}" class="middle" {CLEAR}>{error:g}</text>')
    return (
        "<p>ILSVRC classification, the winning entry of each year: top-5 error in percent on the "
        "test pictures. The first two used no network; most of the others average several.</p>"
        + _figure("Top-5 error of the winners", parts, 320)
    )


def _figure(title: str, parts: Sequence[str], height: int = HEIGHT) -> str:
    return (
        f"<figure><figcaption><b>{text(title)}</b></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{text(title)}" '
        f'style="width: 100%; height: auto">{"".join(parts)}</svg></figure>'
    )


def _table(found: Found) -> str:
    rows: list[list[str | Number]] = [
        [
            entry.name,
            Number(entry.year, str(entry.year)),
            Number(entry.size, str(entry.size)),
            Number(entry.params, amount(entry.params)),
            Number(entry.macs, amount(entry.macs)),
            _score(accuracy.paper_top1 if accuracy else None),
            _score(accuracy.weights_top1 if accuracy else None),
        ]
        for entry, accuracy in found
    ]
    return table(HEAD, rows, caption="Every network", sortable=True)


def _score(value: float | None) -> Number:
    return Number(math.nan, "–") if value is None else Number(value, f"{value:.2f}")
