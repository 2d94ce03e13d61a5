"""The plots of the report as inline SVG: text stays text, and the style sheet gives the colours."""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hubel.analysis.errors import Calibration
from hubel.report.html import text
from hubel.report.words import THIN, counted, percent

WIDTH, HEIGHT = 360, 220  # of a plot; the page shows it at about this size, so that text keeps its
LEFT, RIGHT, TOP, BOTTOM = 48, 18, 10, 26  # margins of a plot, for its ticks


@dataclass(frozen=True)
class Curve:
    """A line of a plot: its name, its class in the style sheet, and its finite points (x, y)."""

    name: str
    kind: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axes:
    """The frame of a plot: which values lie at its ends, and where a value lies in pixels."""

    x0: float
    x1: float
    y0: float
    y1: float
    width: float = WIDTH
    height: float = HEIGHT

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a point. Where there is one x only, it lies in the middle."""
        right = (x - self.x0) / (self.x1 - self.x0) if self.x1 > self.x0 else 0.5
        down = (self.y1 - y) / (self.y1 - self.y0)
        across, along = self.width - LEFT - RIGHT, self.height - TOP - BOTTOM
        return round(LEFT + right * across, 1), round(TOP + down * along, 1)

    def grid(
        self, xs: Sequence[float], ys: Sequence[float], show: Callable[[float], str]
    ) -> list[str]:
        """Horizontal lines at `ys`, and the labels of both axes."""
        parts = []
        for y in ys:
            down = self.at(self.x0, y)[1]
            parts.append(f'<path class="grid" d="M{LEFT} {down}H{self.width - RIGHT}"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{down + 4:g}" class="end">{show(y)}</text>')
        for x in xs:
            right = self.at(x, self.y0)[0]
            parts.append(f'<text x="{right}" y="{self.height - 6}" class="middle">{x:g}</text>')
        return parts


def ticks(low: float, high: float, about: int = 4, smallest: float = 0.0) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) from `low` to `high`, about so many."""
    raw = max((high - low) / about, smallest)
    if raw <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if raw <= m * power * 1.0001)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [n * step for n in range(first, last + 1)]


def plot(
    title: str,
    curves: Sequence[Curve],
    *,
    shares: bool = False,
    high: float = 1e-12,
    over: str = "epoch",
    low: float = 0.0,
) -> str:
    """A figure of lines over epochs, the last value of each in the legend, or `over` something
    else; "" without any point.

    The y axis goes from a round number, `low` or less, to one that is `high` or more; for `shares`
    (0..1) to 100 %.
    """
    show = (lambda y: percent(y, 2)) if shares else (lambda y: f"{y:#.3g}")
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return ""
    xs, ys = zip(*(point for curve in curves for point in curve.points))
    y0, y1 = (min(min(ys), 0.9), 1.0) if shares else (min(*ys, low), max(*ys, high))
    y0 -= y0 == y1  # a single value far from 0
    round_numbers = ticks(y0, y1)
    step = round_numbers[1] - round_numbers[0] if len(round_numbers) > 1 else y1 - y0
    y0, y1 = math.floor(y0 / step + 1e-6) * step, math.ceil(y1 / step - 1e-6) * step
    axes = Axes(min(xs), max(xs), y0, y1)
    parts = axes.grid(
        ticks(axes.x0, axes.x1, 5, 1 if over == "epoch" else 0),
        ticks(y0, y1),
        (lambda y: f"{100 * y:.6g}{THIN}%") if shares else (lambda y: f"{y:.6g}"),
    )
    legend = ""
    for curve in curves:
        places = [axes.at(*point) for point in curve.points]
        path = "L".join(f"{x:g} {y:g}" for x, y in places)
        parts.append(f'<path class="line {curve.kind}" d="M{path}"/>')
        parts.append(_dot(curve.kind, *places[-1], 2.5))
        last = text(show(curve.points[-1][1])) if over == "epoch" else ""
        swatch = f'<svg viewBox="0 0 20 8"><path class="line {curve.kind}" d="M1 4H19"/></svg>'
        legend += f"<span>{swatch}{text(curve.name)} <i>{last}</i></span>"
    said = "; ".join(
        f"{c.name} from {show(c.points[0][1])} to {show(c.points[-1][1])}" for c in curves
    )
    return (
        f'<figure class="plot"><figcaption><b>{text(title)}</b>{legend}</figcaption>'
        f"{svg(WIDTH, HEIGHT, f'{title} by {over}: {said}', parts)}</figure>"
    )


def histogram(title: str, noun: str, counts: Sequence[int], edges: Sequence[float]) -> str:
    """A figure of how many `noun`s lie between each two of the edges (one more than counts)."""
    most = max(counts)
    axes = Axes(edges[0], edges[-1], 0, most)
    parts = axes.grid(
        ticks(axes.x0, axes.x1, 5), [y for y in ticks(0, most) if y == int(y)], "{:,.0f}".format
    )
    base = axes.at(0, 0)[1]
    for count, low, high in zip(counts, edges, edges[1:]):
        left, top = axes.at(low, count)
        right = max(axes.at(high, 0)[0] - 1, left + 1)
        parts.append(f'<path class="fill" d="M{left} {base}H{right:g}V{top}H{left}z"/>')
    said = "; ".join(
        f"{counted(count, noun)} from {low:.4g} to {high:.4g}"
        for count, low, high in zip(counts, edges, edges[1:])
        if count
    )
    return (
        f'<figure class="plot"><figcaption><b>{text(title)}</b></figcaption>'
        f"{svg(WIDTH, HEIGHT, f'{title}: {said}', parts)}</figure>"
    )


def calibration_plot(calibration: Calibration) -> str:
    """Accuracy over confidence, a dot per bin with its area by its pictures, and the diagonal."""
    height, strip = 300, 56
    axes = Axes(0, 1, 0, 1, height=height)
    fifths = [0, 0.2, 0.4, 0.6, 0.8, 1]
    parts = axes.grid([], fifths, lambda y: percent(y, 0))
    (x0, y0), (x1, y1) = axes.at(0, 0), axes.at(1, 1)
    parts.append(f'<path class="diagonal" d="M{x0} {y0}L{x1} {y1}"/>')
    filled = [
        (int(count), float(confidence), float(accuracy))
        for count, confidence, accuracy in zip(
            calibration.counts, calibration.confidences, calibration.accuracies
        )
        if count
    ]
    most, dots = max(count for count, _, _ in filled), []
    for count, confidence, accuracy in filled:
        x, y = axes.at(confidence, accuracy)
        parts.append(f'<path class="gap" d="M{x} {axes.at(0, confidence)[1]}V{y}"/>')
        dots.append(_dot("val", x, y, 2.5 + 5 * math.sqrt(count / most)))
    parts += dots
    # Below, on the same axis: how many pictures were answered with which confidence.
    bins, base = len(calibration.counts), height + strip
    for m, count in enumerate(calibration.counts):
        left, right = axes.at(m / bins, 0)[0], axes.at((m + 1) / bins, 0)[0]
        tall = strip * count / most
        parts.append(
            f'<path class="fill" d="M{left + 1:g} {base}H{right - 1:g}v{-tall:.1f}H{left + 1:g}z"/>'
        )
    for x in fifths:
        right = axes.at(x, 0)[0]
        parts.append(f'<text x="{right}" y="{base + 18}" class="middle">{percent(x, 0)}</text>')
    said = "; ".join(
        f"confidence {percent(confidence, 0)}, accuracy {percent(accuracy, 0)}, {count} pictures"
        for count, confidence, accuracy in filled
    )
    return svg(WIDTH, base + 24, f"Accuracy by confidence: {said}", parts)


def heat_map(matrix: NDArray[np.int64], classes: Sequence[str]) -> str:
    """A confusion matrix of many classes: rows are truths, columns answers, darkness the share.

    One small picture of K x K pixels; up to 100 classes their names stand beside it.
    """
    k = len(classes)
    cell = max(1, min(22, 900 // k))
    named = cell >= 9
    margin = 110 if named else 8
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    pixels = np.zeros((k, k, 4), np.uint8)
    pixels[..., :3] = (214, 96, 24)  # a mistake
    pixels[np.arange(k), np.arange(k), :3] = (48, 116, 206)
    # The root keeps the rare mistakes visible; the page's own ground shows through the rest.
    pixels[..., 3] = np.round(255 * np.sqrt(shares))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    side = k * cell
    parts = [f'<path class="grid" d="M{margin} {margin}h{side}v{side}h{-side}z"/>']
    for n in range(10, k, 10) if named else []:
        place = margin + n * cell
        parts.append(f'<path class="grid" d="M{margin} {place}h{side}M{place} {margin}v{side}"/>')
    parts.append(
        f'<image class="tiny" x="{margin}" y="{margin}" width="{side}" height="{side}" '
        f'href="data:image/png;base64,{b64encode(file.getvalue()).decode()}"/>'
    )
    size = min(12, cell)
    parts.append(f'<g style="font-size:{size}px">')
    for n, name in enumerate(classes) if named else []:
        short = text(name if len(name) <= 16 else name[:15] + "…")
        middle = margin + (n + 0.5) * cell
        foot = middle + size * 0.35
        parts.append(
            f'<text x="{margin - 6}" y="{foot:.1f}" class="end">{short}</text>'
            f'<text transform="translate({foot:.1f} {margin - 6}) rotate(-90)">{short}</text>'
        )
    parts.append("</g>")
    whole = side + margin + 8
    label = (
        f"Confusion matrix of {k} classes; the table of classes and the pairs below say the same"
    )
    return svg(whole, whole, label, parts, fixed=True)


def _dot(kind: str, x: float, y: float, radius: float) -> str:
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius:.2g}"/>'


def svg(width: float, height: float, label: str, parts: Sequence[str], fixed: bool = False) -> str:
    """A drawing of that many pixels; `label` is read aloud, a `fixed` one keeps its size."""
    size = f' width="{width}" height="{height}"' if fixed else ""
    return (
        f'<svg{size} viewBox="0 0 {width} {height}" role="img" aria-label="{text(label)}">'
        f"{''.join(parts)}</svg>"
    )
