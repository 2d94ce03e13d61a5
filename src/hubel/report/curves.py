"""The pages of `hubel explain --gradients` and `--invariance`: curves beside each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from hubel.explain.flow import Course
from hubel.explain.invariance import Steady
from hubel.report.draw import Axes, ticks
from hubel.report.frame import frame
from hubel.report.html import Number, table, text
from hubel.report.words import THIN, counted, percent
from hubel.runtime.files import write_whole

WIDTH, HEIGHT = 420, 280
COLOURS = "abcdef"


def write_gradients(path: Path, courses: Sequence[Course]) -> Path:
    """The page of several networks, each by its layers, all on one scale."""
    steps = courses[0].moments[-1][0]
    parts = {
        "Gradients": "<p>The norm of the loss's gradient at each layer's output, of one picture, "
        "first layer left, last layer right; one line a moment, the darker the later, the start "
        "dashed. A line that falls towards the left fades: the first layers hear less of the loss "
        "than the last. One that rises explodes, as plain stacks of batch norm do.</p>"
        + _plots(courses, "gradient"),
        "Activations": "<p>The root mean square of each layer's output.</p>"
        + _plots(courses, "activation"),
        "Weights": "<p>The norm of the loss's gradient in each layer's weights.</p>"
        + _plots(courses, "weights"),
        "Numbers": _numbers(courses),
    }
    worst = max(courses, key=_change)
    headline = f"At the start, {_fades(worst)}"
    others = ". ".join(f"In {c.network}, {_fades(c, short=True)}" for c in courses if c != worst)
    lead = (
        f"{others + '. ' if others else ''}Measured on one batch before, during and after "
        f"{counted(steps, 'step')} of training."
    )
    figures = [(f"{c.network}: first over last layer", _power(c.fading)) for c in courses]
    return write_whole(path, frame("hubel explain --gradients", headline, lead, figures, parts))


def _change(course: Course) -> float:
    """By how many powers of ten the gradient changes on its way; what does not arrive, the most."""
    ratio = course.fading
    return abs(math.log10(ratio)) if 0 < ratio < math.inf else math.inf


def _fades(course: Course, short: bool = False) -> str:
    ratio = course.fading
    which = "it" if short else f"the gradient of {course.network}"
    if math.isnan(ratio) or ratio <= 0:
        return f"{which} does not reach the first layer"
    if 0.1 <= ratio <= 10:
        return f"{which} arrives at the first layer about as strong as it left the last"
    if ratio < 1:
        return f"{which} arrives at the first layer {1 / ratio:,.0f} times weaker than at the last"
    return f"{which} arrives at the first layer {ratio:,.0f} times stronger than at the last"


def _power(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2g}"


def _plots(courses: Sequence[Course], what: str) -> str:
    """One figure a network with a logarithmic axis that all share."""
    values = [
        math.log10(value)
        for c in courses
        for _, layers in c.moments
        for layer in layers
        if 0 < (value := getattr(layer, what)) < math.inf  # a training may explode
    ]
    if not values:
        return "<p>Nothing arrives anywhere.</p>"
    low, high = math.floor(min(values)), math.ceil(max(values) + 1e-9)
    made = []
    for course in courses:
        depth = max(len(layers) for _, layers in course.moments)
        axes = Axes(1, max(depth, 2), low, high, WIDTH, HEIGHT)
        step = max(1, math.ceil((high - low) / 6))
        parts = axes.grid(
            ticks(1, depth, 5, 1), list(range(low, high + 1, step)), lambda y: f"10{_raised(y)}"
        )
        for number, (at, layers) in enumerate(course.moments):
            points = [
                axes.at(i, math.log10(getattr(layer, what)))
                for i, layer in enumerate(layers, 1)
                if 0 < getattr(layer, what) < math.inf
            ]
            if not points:
                continue
            path = "L".join(f"{x:g} {y:g}" for x, y in points)
            share = 0.3 + 0.7 * number / max(1, len(course.moments) - 1)
            style = "stroke-dasharray:2 4" if number == 0 else f"stroke-opacity:{share:.2f}"
            kind = "f" if number == 0 else "a"
            said = f"<title>step {at}</title>"
            parts.append(f'<path class="line {kind}" style="{style}" d="M{path}">{said}</path>')
        made.append(_figure(f"{course.network}, {depth} layers", "", parts))
    return f'<div class="plots">{"".join(made)}</div>'


def _raised(power: float) -> str:
    return "".join("⁻" if c == "-" else "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] for c in f"{power:.0f}")


def _figure(title: str, legend: str, parts: Sequence[str]) -> str:
    return (
        f'<figure class="plot"><figcaption><b>{text(title)}</b>{legend}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(title)}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _numbers(courses: Sequence[Course]) -> str:
    blocks = []
    for course in courses:
        first, last = course.moments[0][1], course.moments[-1][1]
        later = {layer.layer: layer for layer in last}
        rows: list[list[str | Number]] = []
        for number, layer in enumerate(first, 1):
            after = later.get(layer.layer, layer)
            pairs = (layer.activation, after.activation, layer.gradient, after.gradient)
            numbers = [Number(value, f"{value:.2e}") for value in pairs]
            rows.append([layer.layer, Number(number, str(number)), *numbers])
        head = ["Layer", "Depth", "Activation, start", "end", "Gradient, start", "end"]
        summary = (
            f"{course.network}: loss {course.losses[0]:.3f} at the first step, "
            f"{course.losses[-1]:.3f} at the last"
        )
        body = table(head, rows, caption=f"Layers of {course.network}", sortable=True)
        blocks.append(f"<details><summary>{text(summary)}</summary>{body}</details>")
    return "".join(blocks)


AXES = {
    "shift": "Shifted by so many pixels",
    "rotation": "Turned by so many degrees",
    "scale": "Scaled by a factor",
}


def write_invariance(path: Path, found: Sequence[Steady]) -> Path:
    """The page of several bundles, a line each."""
    parts = {
        "The same answer": "<p>The share of pictures that get the same answer as untouched: shifts "
        "in four directions, turns both ways. What comes in from outside repeats the edge.</p>"
        + _lines(found, "same"),
        "The right answer": "<p>The share of pictures that are answered right.</p>"
        + _lines(found, "right"),
        "Numbers": _table(found),
    }

    def mean(one: Steady, name: str) -> float:
        moved = [kept.same for kept in one.curves[name] if kept.amount not in (0, 1)]
        return sum(moved) / len(moved)

    steadiest = max(found, key=lambda one: mean(one, "shift"))
    first = min((kept for kept in steadiest.curves["shift"] if kept.amount), key=lambda k: k.amount)
    which = f"{steadiest.name} is steadiest under shifts" if len(found) > 1 else steadiest.name
    pixels = counted(int(first.amount), "pixel")
    headline = f"{which}: {percent(first.same)} of the answers outlive {pixels}"
    lead = f"Measured on {counted(steadiest.pictures, 'held-out picture')}."
    figures = [
        (f"{one.name}: same answer, mean over {name}s", percent(mean(one, name)))
        for one in found
        for name in AXES
    ]
    return write_whole(path, frame("hubel explain --invariance", headline, lead, figures, parts))


def _lines(found: Sequence[Steady], what: str) -> str:
    made = []
    for name, title in AXES.items():
        amounts = [kept.amount for kept in found[0].curves[name]]
        axes = Axes(min(amounts), max(amounts), 0, 1, WIDTH, HEIGHT)
        parts = axes.grid(
            ticks(axes.x0, axes.x1, 5), [0, 0.25, 0.5, 0.75, 1], lambda y: f"{100 * y:g}{THIN}%"
        )
        legend = ""
        for number, one in enumerate(found):
            kind = COLOURS[number % len(COLOURS)]
            points = [axes.at(k.amount, getattr(k, what)) for k in one.curves[name]]
            path = "L".join(f"{x:g} {y:g}" for x, y in points)
            parts.append(f'<path class="line {kind}" d="M{path}"/>')
            swatch = f'<svg viewBox="0 0 20 8"><path class="line {kind}" d="M1 4H19"/></svg>'
            legend += f"<span>{swatch}{text(one.name)}</span>"
        made.append(_figure(title, legend, parts))
    return f'<div class="plots">{"".join(made)}</div>'


def _table(found: Sequence[Steady]) -> str:
    rows: list[list[str | Number]] = [
        [
            one.name,
            one.network,
            name,
            Number(kept.amount, f"{kept.amount:g}"),
            Number(kept.same, percent(kept.same)),
            Number(kept.right, percent(kept.right)),
        ]
        for one in found
        for name, curve in one.curves.items()
        for kept in curve
    ]
    head = ["Bundle", "Network", "Change", "Amount", "Same answer", "Right answer"]
    return table(head, rows, caption="Every point of the curves", sortable=True)
