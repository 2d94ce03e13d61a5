"""The page of `hubel scale`: what a doubling of the cost is best spent on, and the family."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hubel.analysis.compare import Pair
from hubel.analysis.scaling import Factors, Member
from hubel.report.draw import Axes, svg, ticks
from hubel.report.frame import frame
from hubel.report.html import Number, table, text
from hubel.report.words import THIN, amount, percent
from hubel.runtime.files import write_whole

COLOURS = {"compound": "a", "depth": "b", "width": "c", "size": "d"}
Of = Callable[[Member], float]
COSTS: tuple[tuple[str, Of, Callable[[float], str]], ...] = (
    ("MACs of a picture", lambda m: m.macs, amount),
    ("Milliseconds for a picture", lambda m: m.latency, "{:.3g}".format),
    ("Seconds of an epoch", lambda m: m.epoch, "{:.3g}".format),
)
SIDE, EDGE = 300, 62  # of the triangle, and around it, in pixels


def write_scale(
    path: str | os.PathLike[str],
    network: str,
    best: Factors,
    tried: Sequence[Member],
    left_out: Sequence[Factors],
    lines: Mapping[str, Sequence[Member]],
    verdicts: Sequence[Pair],
) -> Path:
    """Write the page of a search and return its path."""
    base, last = lines["compound"][0], lines["compound"][-1]
    said = "".join(f"<li>{text(pair)}</li>" for pair in verdicts)
    parts = {
        "The search": _search(base, tried, left_out),
        "Accuracy and cost": _plots(lines),
        "Predicted and measured": _predictions(lines),
        "Verdicts": f"<ul>{said}</ul>",
        "Family": _table(network, lines, base),
    }
    figures = [
        ("Depth, alpha", f"×{best.depth:.3g}"),
        ("Width, beta", f"×{best.width:.3g}"),
        ("Size of the pictures, gamma", f"×{best.size:.3g}"),
        ("Top-1, unscaled", percent(base.score, 2)),
        (f"Top-1 at {last.macs / base.macs:.3g} times the MACs", percent(last.score, 2)),
    ]
    headline = f"A doubling of {network}'s cost: {_words(best)}"
    lead = (
        f"The best of {len(tried)} ways to spend it, by short trainings: "
        f"{percent(tried[0].score, 2)} against {percent(base.score, 2)} unscaled. The other ways "
        f"reach {percent(tried[-1].score, 2)} and more."
    )
    return write_whole(path, frame("hubel scale", headline, lead, figures, parts))


def _words(factors: Factors) -> str:
    named = {"depth": factors.depth, "width": factors.width, "size": factors.size}
    return ", ".join(f"{what} ×{times:.3g}" for what, times in named.items() if times != 1)


def _search(base: Member, tried: Sequence[Member], left_out: Sequence[Factors]) -> str:
    """A triangle of the shares of the doubling, each way a dot with its accuracy."""
    height = SIDE * math.sqrt(3) / 2

    def at(factors: Factors) -> tuple[float, float]:
        depth, size = math.log2(factors.depth), 2 * math.log2(factors.size)
        return round(EDGE + SIDE * (size + depth / 2), 1), round(EDGE + height * (1 - depth), 1)

    corners = {
        "all on depth": (Factors(depth=2), -34, "middle"),
        "all on width": (Factors(width=2**0.5), 44, "middle"),
        "all on size": (Factors(size=2**0.5), 44, "middle"),
    }
    outline = "L".join("{} {}".format(*at(factors)) for factors, _, _ in corners.values())
    parts = [f'<path class="grid" d="M{outline}z"/>']
    for name, (factors, down, kind) in corners.items():
        x, y = at(factors)
        parts.append(f'<text x="{x}" y="{y + down}" class="{kind}">{name}</text>')
    low, high = tried[-1].score, tried[0].score
    for member in tried:
        x, y = at(member.factors)
        share = (member.score - low) / (high - low) if high > low else 1.0
        words = f"{_words(member.factors)}: {percent(member.score, 2)}, {amount(member.macs)} MACs"
        radius = 5 + 9 * share
        parts.append(
            f'<circle class="a" cx="{x}" cy="{y}" r="{radius:.3g}" '
            f'style="opacity:{0.35 + 0.65 * share:.2f}"><title>{text(words)}</title></circle>'
            f'<text x="{x}" y="{y - radius - 5:.1f}" class="middle">{100 * member.score:.1f}</text>'
        )
    for factors in left_out:
        x, y = at(factors)
        parts.append(f'<circle class="train" cx="{x}" cy="{y}" r="2.5"/>')
    label = "Accuracy by the shares of depth, width and size; the table below says the same"
    rows: list[list[str | Number]] = [
        [
            _words(member.factors),
            Number(member.size, str(member.size)),
            Number(member.macs, amount(member.macs)),
            Number(member.macs / base.macs, f"×{member.macs / base.macs:.2f}"),
            Number(member.score, percent(member.score, 2)),
        ]
        for member in tried
    ]
    head = ("Factors", "Pixels", "MACs", "Cost", "Top-1")
    dots = "one small dot costs" if len(left_out) == 1 else f"{len(left_out)} small dots cost"
    verb = "was" if len(left_out) == 1 else "were"
    out = f" {dots[0].upper()}{dots[1:]} too much once rounded, and {verb} not trained."
    return (
        "<p>Each dot is a way to spend a doubling of the MACs: the nearer a corner, the more of it "
        "goes there. The larger and darker, the better; the figures are top-1 in percent."
        f"{out if left_out else ''}</p>"
        '<div class="columns"><figure class="plot">'
        f"{svg(SIDE + 2 * EDGE, round(height) + 2 * EDGE, label, parts)}</figure>"
        f"{table(head, rows, caption='Every way that was tried', sortable=True)}</div>"
    )


def _plots(lines: Mapping[str, Sequence[Member]]) -> str:
    made = "".join(_plot(title, lines, cost, show) for title, cost, show in COSTS)
    return (
        "<p>From the unscaled network, each dot one doubling of the cost further: all three scaled "
        "by the factors found, or one alone.</p>"
        f'<div class="plots">{made}</div>'
    )


def _plot(
    title: str, lines: Mapping[str, Sequence[Member]], cost: Of, show: Callable[[float], str]
) -> str:
    everyone = [member for line in lines.values() for member in line]
    costs, scores = [cost(m) for m in everyone], [m.score for m in everyone]
    room = 0.08 * (max(scores) - min(scores)) or 0.01
    pad = 0.04 * math.log2(max(costs) / min(costs)) or 0.1
    axes = Axes(
        math.log2(min(costs)) - pad, math.log2(max(costs)) + pad, min(scores) - room,
        max(scores) + room,
    )  # fmt: skip
    parts = axes.grid([], ticks(axes.y0, axes.y1, 5), lambda y: f"{100 * y:.4g}{THIN}%")
    for each in sorted({min(costs), max(costs)}):
        x = axes.at(math.log2(each), axes.y0)[0]
        parts.append(f'<text x="{x}" y="{axes.height - 6}" class="middle">{show(each)}</text>')
    legend = ""
    for line, members in reversed(list(lines.items())):
        places = [axes.at(math.log2(cost(m)), m.score) for m in members]
        path = "L".join(f"{x:g} {y:g}" for x, y in places)
        parts.append(f'<path class="line {COLOURS[line]}" d="M{path}"/>')
        for (x, y), m in zip(places, members):
            said = text(f"{line}: {percent(m.score, 2)} at {show(cost(m))}")
            parts.append(
                f'<circle class="{COLOURS[line]}" cx="{x}" cy="{y}" r="3.5">'
                f"<title>{said}</title></circle>"
            )
    for line in lines:
        swatch = f'<svg viewBox="0 0 20 8"><path class="line {COLOURS[line]}" d="M1 4H19"/></svg>'
        legend += f"<span>{swatch}{line}</span>"
    label = f"Top-1 accuracy against {title.lower()}; the table of the family says the same"
    return (
        f'<figure class="plot"><figcaption><b>{title}</b>{legend}</figcaption>'
        f"{svg(axes.width, axes.height, label, parts)}</figure>"
    )


def _predictions(lines: Mapping[str, Sequence[Member]]) -> str:
    """Each cost against what the factors predict, both as multiples of the unscaled network's."""
    made = ""
    for title, cost, _ in COSTS:
        base = cost(lines["compound"][0])
        points = [
            (line, m, math.log2(m.factors.cost), math.log2(cost(m) / base))
            for line, members in lines.items()
            for m in members
        ]
        high = max(1.0, *(max(x, y) for _, _, x, y in points)) + 0.2
        low = min(0.0, *(y for _, _, _, y in points)) - 0.2
        axes = Axes(low, high, low, high)
        powers = [n for n in range(math.ceil(low), math.floor(high) + 1)]
        parts = axes.grid([], powers, lambda y: f"×{2**y:g}")
        for n in powers:
            x = axes.at(n, low)[0]
            parts.append(f'<text x="{x}" y="{axes.height - 6}" class="middle">×{2**n:g}</text>')
        (x0, y0), (x1, y1) = axes.at(low, low), axes.at(high, high)
        parts.append(f'<path class="diagonal" d="M{x0} {y0}L{x1} {y1}"/>')
        for line, m, x, y in points:
            across, down = axes.at(x, y)
            said = text(f"{line}: predicted ×{m.factors.cost:.3g}, measured ×{2**y:.3g}")
            parts.append(
                f'<circle class="{COLOURS[line]}" cx="{across}" cy="{down}" r="4">'
                f"<title>{said}</title></circle>"
            )
        label = f"{title}, measured against predicted; the table of the family says the same"
        made += (
            f'<figure class="plot"><figcaption><b>{title}</b></figcaption>'
            f"{svg(axes.width, axes.height, label, parts)}</figure>"
        )
    return (
        "<p>Right: how many times the cost the factors predict, depth · width² · size². Up: what "
        "it is. MACs leave the diagonal where widths and depths are rounded; time leaves it where "
        "the machine is better at some shapes than at others.</p>"
        f'<div class="plots">{made}</div>'
    )


def _table(network: str, lines: Mapping[str, Sequence[Member]], base: Member) -> str:
    rows: list[list[str | Number]] = [
        [
            f"{line}, {n}" if n else "unscaled",
            " ".join([network, *(f"{word}={value}" for word, value in m.words.items())]),
            Number(m.size, str(m.size)),
            Number(m.params, amount(m.params)),
            Number(m.factors.cost, f"×{m.factors.cost:.2f}"),
            Number(m.macs, f"×{m.macs / base.macs:.2f}, {amount(m.macs)}"),
            Number(m.latency, f"×{m.latency / base.latency:.2f}, {m.latency:.2f}{THIN}ms"),
            Number(m.epoch, f"×{m.epoch / base.epoch:.2f}, {m.epoch:.1f}{THIN}s"),
            Number(m.score, percent(m.score, 2)),
        ]
        for line, members in lines.items()
        for n, m in enumerate(members)
        if n or line == "compound"
    ]
    head = (
        "Scaled", "Network", "Pixels", "Parameters", "Predicted", "MACs", "One picture", "Epoch",
        "Top-1",
    )  # fmt: skip
    return table(head, rows, caption="The family and its relatives", sortable=True)
