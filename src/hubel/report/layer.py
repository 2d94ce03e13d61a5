"""What `hubel layer` draws, each an SVG file: a sliding kernel, overlaps, holes, connections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hubel.analysis.sliding import Grid, Link, Step, number
from hubel.report.html import text

INK, SOFT, LINE, MARK, DONE, WINDOW = (
    "#1a1d21", "#5b626a", "#cfd5dc", "#d66018", "#dce8f8", "#fff1e6",
)  # fmt: skip
HUES = ("#2c68be", MARK, "#2e8b57", "#8a4fb5", "#b8860b", "#c2366b")
STYLE = f"""
text {{ font-family: system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif }}
.title {{ font-weight: 600 }} .middle {{ text-anchor: middle }} .sign {{ font-size: 20px }}
.note {{ font-size: 12px; fill: {SOFT} }} .times {{ font-size: 9px; fill: {MARK} }}
.cell {{ stroke: {LINE} }} .hole {{ stroke: {LINE}; stroke-width: 1.5 }}
.frame {{ fill: none; stroke: {MARK}; stroke-width: 2.5 }}
.link {{ fill: none; stroke-width: 1.5; stroke-opacity: 0.55 }}
"""
EDGE = 20  # pixels around a drawing
NUMBERED = 16  # cells a side up to which their numbers are written


def slide(title: str, picture: Grid, kernel: Grid, result: Grid, step: Step) -> str:
    """A convolution at its first, second and last place, with the sum of its products."""
    (sh, sw), (dh, dw) = step.pair("stride"), step.pair("dilation")
    (ph, pw), (kh, kw) = step.pair("padding"), kernel.shape
    rows, columns = result.shape
    padded = np.pad(picture, ((ph, ph), (pw, pw)))
    pixels = np.pad(np.ones(picture.shape), ((ph, ph), (pw, pw)))
    side, gap, parts, top = 34, 54, [], 0.0
    tall, wide = padded.shape[0] * side, padded.shape[1] * side
    to_kernel, to_result, last = wide + gap, wide + kw * side + 2 * gap, rows * columns - 1
    for place in dict.fromkeys((0, min(1, last), last)):
        i, j = divmod(place, columns)
        window = {(sh * i + dh * u, sw * j + dw * v): (u, v) for u in range(kh) for v in range(kw)}
        for (y, x), value in np.ndenumerate(padded):
            fill = WINDOW if (y, x) in window else "#ffffff" if pixels[y, x] else "#f1f3f5"
            shift = 4 if (y, x) in window else 0
            at = (x * side, top + y * side)
            parts.append(
                _cell(*at, side, fill, number(value), INK if pixels[y, x] else SOFT, shift)
            )
        for (y, x), at in window.items():
            corner = f'x="{(x + 1) * side - 4}" y="{top + (y + 1) * side - 4:g}" text-anchor="end"'
            parts.append(f'<text {corner} class="times">×{number(kernel[at])}</text>')
        (y0, x0), (y1, x1) = min(window), max(window)
        size = ((x1 - x0 + 1) * side, (y1 - y0 + 1) * side)
        parts.append(_frame(x0 * side, top + y0 * side, *size))
        middle = top + tall / 2
        parts.append(_sign(wide + gap / 2, middle, "∗"))
        start = middle - kh * side / 2
        for (u, v), value in np.ndenumerate(kernel):
            at = (to_kernel + v * side, start + u * side)
            parts.append(_cell(*at, side, WINDOW, number(value)))
        parts.append(_sign(to_result - gap / 2, middle, "="))
        start = middle - rows * side / 2
        for n, ((y, x), value) in enumerate(np.ndenumerate(result)):
            shown, fill = (number(value), DONE) if n <= place else ("", "#ffffff")
            parts.append(_cell(to_result + x * side, start + y * side, side, fill, shown))
        parts.append(_frame(to_result + j * side, start + i * side, side, side))
        products = [(padded[at], kernel[window[at]]) for at in sorted(window)]
        terms = " + ".join(f"{number(a)}·{number(b)}" for a, b in products if b)
        parts.append(_note(0, top + tall + 20, f"{terms} = {number(result[i, j])}"))
        top += tall + 44
    return _svg(title, to_result + columns * side, top - 20, parts)


def panels(title: str, grids: Sequence[tuple[str, Grid]]) -> str:
    """Grids side by side as shades of grey, white the largest, each about as large."""
    side, gap, parts = 256, 40, []
    for n, (name, grid) in enumerate(grids):
        left, low, high = n * (side + gap), grid.min(), grid.max()
        (rows, columns), cell = grid.shape, max(1, side // max(grid.shape))
        parts.append(_note(left, 10, f"{name}, {rows}×{columns}"))
        for (y, x), value in np.ndenumerate(grid):
            shade = round(255 * (value - low) / (high - low)) if high > low else 255
            at = f'x="{left + x * cell}" y="{20 + y * cell}" width="{cell}" height="{cell}"'
            parts.append(f'<rect {at} fill="#{3 * f"{shade:02x}"}"/>')
    lines = ['<g shape-rendering="crispEdges">', *parts, "</g>"]
    return _svg(title, len(grids) * (side + gap) - gap, 20 + side, lines)


def counted(title: str, ways: Grid, noun: str) -> str:
    """A grid of whole numbers, the darker the larger; a cell of none is crossed out."""
    side, most, parts = max(14, min(34, 420 // max(ways.shape))), ways.max(), []
    for (y, x), count in np.ndenumerate(ways):
        share = count / most if most else 0
        fill = _between((245, 248, 252), (24, 84, 160), share) if count else "#ffffff"
        shown = number(count) if count and max(ways.shape) <= NUMBERED else ""
        ink, left, top = "#ffffff" if share > 0.5 else INK, x * side, y * side
        parts.append(_cell(left, top, side, fill, shown, ink))
        if not count:
            a, b = 0.3 * side, 0.4 * side
            path = f"M{left + a:g} {top + a:g}l{b:g} {b:g}m0 {-b:g}l{-b:g} {b:g}"
            parts.append(f'<path class="hole" d="{path}"/>')
    reached = ways[ways > 0]
    between = dict.fromkeys((number(reached.min()), number(most)))
    said, holes = f"{noun}: {' to '.join(between)}", ways.size - reached.size
    said += f"; {holes} of {ways.size} cells are never seen" if holes else ""
    grid = [f'<g style="font-size: {min(13, side // 2)}px">', *parts, "</g>"]
    tall = ways.shape[0] * side + 20
    return _svg(title, ways.shape[1] * side, tall, [*grid, _note(0, tall, said)])


def connections(title: str, links: Sequence[Link]) -> str:
    """A column of channels around every layer, and a line for each pair that it connects."""
    across, gap, top = 170, 26, 46
    widths = [links[0].channels[0], *(link.channels[1] for link in links)]
    tall, hues, lines, dots = (max(widths) - 1) * gap, _hues(links), [], []

    def place(column: int, channel: int) -> str:
        down = top + tall / 2 + (channel - (widths[column] - 1) / 2) * gap
        return f"{12 + column * across} {down:g}"

    for n, link in enumerate(links):
        middle = 12 + n * across + across // 2
        name = text(link.layer.partition("(")[0])
        lines.append(f'<text x="{middle}" y="14" class="middle">{name}</text>')
        lines.append(f'<text x="{middle}" y="30" class="note middle">{text(link.window)}</text>')
        for i, o in link.pairs:
            path = f'd="M{place(n, i)}L{place(n + 1, o)}"'
            lines.append(f'<path class="link" stroke="{hues[n][i]}" {path}/>')
    for n, width in enumerate(widths):
        for channel in range(width):
            x, y = place(n, channel).split()
            dots.append(f'<circle cx="{x}" cy="{y}" r="7" fill="{hues[n][channel]}"/>')
    return _svg(title, 24 + len(links) * across, top + tall + 10, [*lines, *dots])


def _hues(links: Sequence[Link]) -> list[list[str]]:
    """Of every channel in every column: that of the first layer's group, grey where they mix."""
    first, groups = links[0], list[frozenset[int]]()
    for channel in range(first.channels[1]):
        source = frozenset(i for i, o in first.pairs if o == channel)
        if source not in groups:
            groups.append(source)
    group = {i: n for n, members in enumerate(groups) for i in members}
    columns = [[{group.get(i, 0)} for i in range(first.channels[0])]]
    for link in links:
        sources: list[set[int]] = [set() for _ in range(link.channels[1])]
        for i, o in link.pairs:
            sources[o] |= columns[-1][i]
        columns.append(sources)
    return [[HUES[min(c) % len(HUES)] if len(c) == 1 else SOFT for c in col] for col in columns]


def _cell(
    x: float, y: float, side: int, fill: str, shown: str, ink: str = INK, shift: int = 0
) -> str:
    cell = f'<rect class="cell" x="{x:g}" y="{y:g}" width="{side}" height="{side}" fill="{fill}"/>'
    if not shown:
        return cell
    at = f'x="{x + side / 2 - shift:g}" y="{y + side / 2 + 5 - shift:g}"'
    colour = "" if ink == INK else f' fill="{ink}"'
    return f'{cell}<text {at} class="middle"{colour}>{shown}</text>'


def _frame(x: float, y: float, wide: float, tall: float) -> str:
    size = f'width="{wide:g}" height="{tall:g}"'
    return f'<rect class="frame" x="{x:g}" y="{y:g}" {size}/>'


def _sign(x: float, y: float, sign: str) -> str:
    return f'<text x="{x:g}" y="{y + 7:g}" class="sign middle">{sign}</text>'


def _note(x: float, y: float, words: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="note">{text(words)}</text>'


def _between(low: Sequence[int], high: Sequence[int], share: float) -> str:
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(low, high))


def _svg(title: str, wide: float, tall: float, parts: Sequence[str]) -> str:
    """A file of its own, on white so that it reads on any page; a line of title for each layer."""
    layers = [part.strip() for part in title.split("|")]
    shown = [layer + (" |" if layer is not layers[-1] else "") for layer in layers]
    above = 18 * len(shown) + 12
    width = round(max(wide, *(8.2 * len(line) for line in shown)) + 2 * EDGE)
    height = round(above + tall + 2 * EDGE)
    titles = [
        f'<text x="{EDGE}" y="{EDGE + 14 + 18 * n}" class="title">{text(line)}</text>'
        for n, line in enumerate(shown)
    ]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{text(title)}" font-size="14" '
        f'fill="{INK}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff"/>',
        *titles,
        f'<g transform="translate({EDGE} {EDGE + above})">',
        *parts,
        "</g>\n</svg>\n",
    ])  # fmt: skip
