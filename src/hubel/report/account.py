"""The page of `hubel show`: a network's table, with bars for what each layer holds and sees."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from hubel.analysis.account import Line, last_map
from hubel.report.frame import frame
from hubel.report.html import Number, table, text
from hubel.report.words import THIN, amount
from hubel.runtime.files import write_whole

HEAD = ("Layer", "Kind", "Output", "Parameters", "MACs", "Activations", "Sees", "Step", "At")
HOW = (
    "<p>Counted without running the network. MACs are the multiplications of convolutions and "
    "dense layers for one picture, half of its FLOPs; activations are the bytes of all outputs. A "
    "cell of the output sees so many pixels of the picture; cells stand one step apart, the first "
    "at the given pixel. Each bar compares with the largest of its column.</p>"
)
PRE = '<pre style="white-space: pre; overflow-x: auto">'  # a table's lines are not broken


def write_account(
    path: str | os.PathLike[str],
    *,
    title: str,
    size: tuple[int, int, int],
    paper: str,
    blocks: Sequence[Line],
    layers: Sequence[Line],
    warnings: Sequence[str],
) -> Path:
    """Write the page and return its path.

    `size` is the picture's (C, H, W); `paper` the paper's table, empty where there is none.
    """
    words = ("params", "macs", "activations")
    params, macs, activations = (sum(getattr(line, word) for line in layers) for word in words)
    seen = last_map(layers)
    figures = [
        ("Parameters", amount(params)),
        ("MACs per picture", amount(macs)),
        ("FLOPs, 2 a MAC", amount(2 * macs)),
        ("Activations, float32", stored(activations)),
    ]
    if seen is not None and seen.place is not None:
        figures.append(("Pixels the last map sees", f"{seen.place.rows.field:g}"))
    parts = {
        "Blocks": HOW + bars(blocks, "What each block gives, holds, costs and sees"),
        **({"Table of the paper": f"{PRE}{text(paper)}</pre>"} if paper else {}),
        "Every layer": bars(layers, "What each layer gives, holds, costs and sees"),
    }
    shape = "x".join(map(str, size))
    headline = f"{title}: {amount(params)} parameters, {amount(macs)} MACs"
    lead = " ".join(warnings) or "Nothing in its arithmetic stands out."
    return write_whole(path, frame(f"{title} on {shape}", headline, lead, figures, parts))


def bars(lines: Sequence[Line], caption: str) -> str:
    """A sortable table with a bar in each column of amounts."""
    fields = [line.place.rows.field if line.place else math.nan for line in lines]
    params, macs, activations = (
        max((getattr(line, word) for line in lines), default=0) or 1
        for word in ("params", "macs", "activations")
    )
    widest = max((field for field in fields if not math.isnan(field)), default=1)
    rows: list[list[str | Number]] = []
    for line, field in zip(lines, fields):
        at = line.place.rows if line.is_map and line.place else None
        rows.append(
            [
                line.name,
                line.kind + (f" ×{THIN}{line.times}" if line.times > 1 else ""),
                "×".join(map(str, line.shape)) or "–",
                Number(line.params, amount(line.params), line.params / params),
                Number(line.macs, amount(line.macs), line.macs / macs),
                Number(line.activations, stored(line.activations), line.activations / activations),
                Number(field, _number(field), 0 if math.isnan(field) else field / widest),
                *(Number(x, _number(x)) for x in ((at.jump, at.offset) if at else (math.nan,) * 2)),
            ]
        )
    return table(HEAD, rows, caption=caption, sortable=True)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{round(value, 1):g}"


def stored(number: int) -> str:
    """Bytes in units of 1024: 802816 -> "784 KiB"."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if number >= size:
            return f"{number / size:.{0 if number >= 99.95 * size else 1}f}{THIN}{unit}"
    return f"{number}{THIN}B"
