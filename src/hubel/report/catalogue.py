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
WON = {"alexnet-2012", "googlenet", "resnet152", "legacy_senet154"}  # networks of these entries
PERSON = 5.1  # top-5 error of a trained person: Russakovsky et al. 2015, section 6.4

CLEAR = 'style="paint-order: stroke; stroke: var(--ground); stroke-width: 4px"'  # over a line

Found = Sequence[tuple[Entry, Accuracy | None]]
Rated = Sequence[tuple[Entry, float]]
HEAD = ("Network", "Year", "Size", "Parameters", "MACs", "Paper's top-1", "Weights' top-1")


def write_catalogue(path: str | os.PathLike[str], found: Found) -> Path:
    """Write the page of these networks and return its path."""
    rated = [(entry, best) for entry, accuracy in found if (best := _imagenet(accuracy))]
    parts = {}
    if rated:
        parts["Accuracy and size"] = _against_size(rated)
        parts["Accuracy and year"] = _over_years(rated)
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


def _against_size(rated: Rated) -> str:
    rated = sorted(rated, key=lambda pair: (pair[0].params, -pair[1]))
    sizes = [math.log10(entry.params) for entry, _ in rated]
    axes = _axes(min(sizes) - 0.05, max(sizes) + 0.1, rated)
    marks = [
        (math.log10(mantissa * 10**power), f"{mantissa * 10**power / 1e6:g} M")
        for power in range(5, 10)
        for mantissa in (1, 2, 5)
    ]
    return (
        "<p>ImageNet top-1 accuracy in percent, of published weights with one crop where there are "
        "any, else of the paper, against parameters. Named are those that no smaller one beats, "
        "where there is room, and, in colour, the networks of entries that won the challenge; the "
        "others say their name under the pointer.</p>"
        + _scatter("Top-1 accuracy against parameters", axes, marks, rated, sizes)
    )


def _over_years(rated: Rated) -> str:
    rated = sorted(rated, key=lambda pair: (pair[0].year, -pair[1]))
    years = [entry.year for entry, _ in rated]
    axes = _axes(min(years) - 1.2, max(years) + 0.4, rated)
    marks = [(year, str(year)) for year in range(min(years), max(years) + 1)]
    return (
        "<p>The same accuracies by the year of the paper: named are those that no earlier one "
        "beats, and the winners. Weights may be trained years later, with better recipes.</p>"
        + _scatter("Top-1 accuracy over the years", axes, marks, rated, years)
    )


def _axes(low: float, high: float, rated: Rated) -> Axes:
    scores = [score for _, score in rated]
    bottom, top = 5 * math.floor(min(scores) / 5), 5 * math.ceil(max(scores) / 5)
    return Axes(low, high, bottom, top, WIDTH, HEIGHT)


def _scatter(
    title: str, axes: Axes, marks: Sequence[tuple[float, str]], rated: Rated, xs: Sequence[float]
) -> str:
    """A dot for each network, `rated` in the order of `xs`; `marks` are labels along the foot."""
    parts = axes.grid([], ticks(axes.y0, axes.y1, 6), lambda y: f"{y:g}")
    for x, shown in marks:
        if axes.x0 <= x <= axes.x1:
            place = f'x="{axes.at(x, axes.y0)[0]}" y="{HEIGHT - 6}"'
            parts.append(f'<text {place} class="middle">{text(shown)}</text>')
    best, names = 0.0, list[tuple[Entry, float, float]]()
    for (entry, score), value in zip(rated, xs):
        x, y = axes.at(value, score)
        said = text(f"{entry.name} ({entry.year}): {score:.1f} with {amount(entry.params)}")
        won = entry.name in WON
        look = 'style="fill: rgb(var(--miss))" r="5"' if won else 'r="3.5" opacity="0.6"'
        parts.append(f'<circle cx="{x}" cy="{y}" {look}><title>{said}</title></circle>')
        if won:
            names.insert(0, (entry, x, y))
        elif score > best:
            names.append((entry, x, y))
        best = max(best, score)
    taken: list[tuple[float, float]] = []
    for entry, x, y in names:  # the winners first, the others as far as there is room for them
        if entry.name in WON or all(abs(y - v) > 13 or abs(x - u) > 110 for u, v in taken):
            taken.append((x, y))
            place = f'x="{x - 7}" class="end"' if x > 120 else f'x="{x + 7}"'
            parts.append(f'<text {place} y="{y - 3}" {CLEAR}>{text(entry.name)}</text>')
    return _figure(title, parts)


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
