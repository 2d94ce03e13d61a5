"""report.html of a run whose answers lie in the picture: boxes, masks, maps, larger pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.report import sections
from hubel.report.draw import Curve, plot
from hubel.report.frame import frame
from hubel.report.html import Number, picture, table, text, tiles
from hubel.report.words import amount, counted, duration, percent
from hubel.runtime.files import write_whole

Pixels = NDArray[np.uint8]
SIDE = 300
"""Longest side of a picture on the page, in CSS pixels."""


@dataclass(frozen=True)
class Shown:
    """A validation picture (h, w, 3) with its truth drawn, with the answer drawn, and what else is
    to be compared with them; the answer in words, and how good it is.
    """

    name: str
    pictures: Sequence[Pixels]
    told: str
    note: str


def write_scenes_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    recipe: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    outcome: Any,
    scores: Sequence[str],
    classes: Sequence[str],
    shown: Mapping[str, Sequence[Shown]],
    examples: Sequence[Pixels],
    findings: Sequence[tuple[str, str, str]],
    checks: Sequence[tuple[str, str, str]] | None,
    facts: Mapping[str, Any],
    seconds: Mapping[str, float],
    verdict: str = "",
) -> Path:
    """Write the report and return its path; the words are those of `write_report`.

    `outcome` is a task's (tasks.task.Answers), `scores` the columns of results.csv, `shown` the
    pictures of a section by its title, `examples` training pictures with their targets drawn.
    """
    names = {name: SCORES.get(name, name.removeprefix("val_")) for name in scores[1:]}
    plots = "".join(_plot(*one) for one in outcome.plots(classes))
    tables = "".join(_table(*one) for one in outcome.tables(classes))
    parts = {
        "Curves": sections.curves(results, "Validation scores", names),
        "Scores": (f'<div class="plots">{plots}</div>' if plots else "") + tables,
        **{
            part: _said(some) + tiles((_pair(one) for one in some), "pairs")
            for part, some in shown.items()
        },
        "Training pictures": "<p>As the network gets them, with their targets.</p>"
        + tiles((f'<li class="tile">{picture(x, "", SIDE)}</li>' for x in examples), "wide"),
        "Data": sections.findings_section(findings, checks, facts),
        "Time": sections.time_section(seconds, verdict),
        "Recipe": sections.recipe_section(recipe, facts),
    }
    trained = float(results[-1]["seconds"]) if results else sum(seconds.values())
    pictures = counted(len(outcome.names), "validation picture")
    lead = (
        f"On {pictures}, by the last weights. The network is {facts['network']} with "
        f"{counted(int(facts['parameters']), 'parameter')}, trained on {facts['data']} in "
        f"{duration(trained)}."
    )
    last = results[-1] if results else {}
    figures = [(names[name], _figure(name, float(last[name]))) for name in names if name in last]
    figures += [("MACs per picture", amount(facts["macs"])), ("Training time", duration(trained))]
    first, rest = outcome.score[:1], outcome.score[1:]
    headline = (first if rest[:1].isupper() else first.upper()) + rest  # mAP stays as it is
    return write_whole(path, frame(title, headline, lead, figures, parts))


SCORES = {
    "val_map": "mAP 0.5 to 0.95",
    "val_map50": "mAP at 0.5",
    "val_box50": "mAP of boxes at 0.5",
    "val_miou": "mean IoU",
    "val_accuracy": "accuracy",
    "val_boundary_f1": "boundary F1",
    "val_iou": "mean IoU",
    "val_top1": "classes right",
    "val_psnr": "PSNR in dB",
    "val_ssim": "SSIM",
}


def _figure(name: str, value: float) -> str:
    if name == "val_ssim":
        return f"{value:.4f}"
    return percent(value) if 0 <= value <= 1 else f"{value:.2f}"


def _said(some: Sequence[Shown]) -> str:
    words = "First what is there, then what was answered."
    if any(len(one.pictures) > 2 for one in some):
        words += " Details, where the bicubic enlargement errs most: it stands last."
    return f"<p>{words}</p>"


def _pair(one: Shown) -> str:
    told, kinds = text(one.told), ("the truth", one.told, "the bicubic enlargement")
    each = (picture(x, f"{one.name}: {kind}", SIDE) for x, kind in zip(one.pictures, kinds))
    return (
        f'<li class="tile"><div class="both">{"".join(each)}</div><b title="{told}">{told}</b>'
        f'<span class="answer"><span>{text(one.note)}</span></span>'
        f"<small><bdi>{text(one.name)}</bdi></small></li>"
    )


def _plot(title: str, curves: Mapping[str, Sequence[tuple[float, float]]], over: str) -> str:
    kinds = ("val", "second", "train")
    lines = [Curve(name, kinds[n % 3], points) for n, (name, points) in enumerate(curves.items())]
    return plot(f"{title} by {over}", lines, over=over)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = [[value if isinstance(value, str) else _number(value) for value in row] for row in rows]
    return f"<h3>{text(title)}</h3>" + table(head, cells, caption=title, sortable=True)


def _number(value: float) -> Number:
    """A count, or a share of 1 with its bar."""
    if isinstance(value, int):
        return Number(value, f"{value:,}")
    if np.isnan(value):
        return Number(value, "–")
    share = 0 <= value <= 1
    return Number(value, percent(value) if share else f"{value:.2f}", bar=value if share else None)
