"""The few pieces of HTML that the report is made of. Everything a user can name is escaped here."""

from __future__ import annotations

import html
import io
import math
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hubel.report.words import percent

TINY = 64  # pixels a side up to which a picture is kept exactly and shown as squares
SHOWN = 128  # other pictures are shown with this longest side, in CSS pixels
STORED = 160  # and kept a little sharper, for dense screens


def text(value: object) -> str:
    """Any value as the text of an element or of a quoted attribute."""
    # A file name that is not UTF-8 holds surrogates, which no page can; they become question marks.
    return html.escape(str(value).encode("utf-8", "replace").decode("utf-8"))


class Number(NamedTuple):
    """A cell of figures: the value to sort by, how it reads, and a bar behind it (0..1)."""

    value: float
    shown: str
    bar: float | None = None


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str | Number]],
    *,
    caption: str,
    sortable: bool = False,
) -> str:
    """A table whose first column names its rows; `caption` is read aloud, not drawn.

    It scrolls sideways in its own frame where the screen is too narrow.
    """
    rows = [list(row) for row in rows]
    numeric = [bool(rows) and isinstance(cell, Number) for cell in (rows[0] if rows else head)]
    cells = "".join(
        f'<th scope="col"{" class=n" if number else ""}>{text(name)}</th>'
        for name, number in zip(head, numeric)
    )
    lines = "".join(f"<tr>{''.join(_cell(c, j) for j, c in enumerate(row))}</tr>\n" for row in rows)
    kind = "sortable" if sortable else ""
    return scroll(
        f'<table class="{kind}"><caption>{text(caption)}</caption>'
        f"<thead><tr>{cells}</tr></thead>\n<tbody>{lines}</tbody></table>",
        caption,
        tall=len(rows) > 30,
    )


def _cell(cell: str | Number, column: int) -> str:
    if isinstance(cell, Number):
        value = "" if math.isnan(cell.value) else f"{cell.value:.8g}"
        bar = "" if cell.bar is None else f' style="--share:{cell.bar:.4f}"'
        kind = "n" if cell.bar is None else "n bar"
        return f'<td class="{kind}" data-v="{value}"{bar}>{text(cell.shown)}</td>'
    return f'<th scope="row">{text(cell)}</th>' if column == 0 else f"<td>{text(cell)}</td>"


def scroll(inner: str, label: str, *, tall: bool = False) -> str:
    """A frame, reached by keyboard too, that scrolls what is too wide, and what is too `tall`."""
    kind = "scroll tall" if tall else "scroll"
    return (
        f'<div class="{kind}" tabindex="0" role="region" aria-label="{text(label)}">{inner}</div>'
    )


def facts(pairs: Iterable[tuple[str, str]], kind: str = "facts") -> str:
    """Names and values side by side."""
    rows = "".join(f"<div><dt>{text(k)}</dt><dd>{text(v)}</dd></div>" for k, v in pairs)
    return f'<dl class="{kind}">{rows}</dl>'


def picture(pixels: NDArray[np.uint8], alt: str, shown: int = SHOWN) -> str:
    """An <img> with its bytes inside, from uint8 (H, W, C) with C = 1 or 3.

    `shown` is the longest side in CSS pixels; tiny pictures get the nearest whole factor of 3/4 of
    it.
    """
    side = max(pixels.shape[:2])
    grey = pixels.shape[2] == 1 or not np.ptp(pixels, axis=2).any()
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels))
    file = io.BytesIO()
    if side <= TINY:
        # A whole number of screen pixels for each of its own, or the squares come out uneven.
        scale, kind, mime = float(max(1, round(0.75 * shown / side))), "tiny", "png"
        image.save(file, "png", optimize=True)
    else:
        scale, kind, mime = shown / side, "photo", "jpeg"
        stored = shown * STORED // SHOWN
        image.thumbnail((stored, stored))
        image.save(file, "jpeg", quality=82, optimize=True)
    height, width = (max(1, round(n * scale)) for n in pixels.shape[:2])
    return (
        f'<img class="{kind}" width="{width}" height="{height}" alt="{text(alt)}" '
        f'src="data:image/{mime};base64,{b64encode(file.getvalue()).decode()}">'
    )


def mark(right: bool) -> str:
    """The sign before an answer: its shape, its colour and its hidden word say right or wrong."""
    word = "right" if right else "wrong"
    return f'<svg class="mark" role="img" aria-label="{word}"><use href="#{word}"/></svg>'


def tile(
    pixels: NDArray[np.uint8],
    truth: str,
    answer: str | None = None,
    confidence: float = 0.0,
    name: str = "",
    evidence: Sequence[NDArray[np.uint8]] = (),
) -> str:
    """One picture, its truth below it, and, where given, the answer, its confidence, its file.

    `evidence`: the picture with what speaks for the truth, and with what speaks for the answer.
    """
    label = f'<b title="{text(truth)}">{text(truth)}</b>'
    # A long name is cut at its start (the style sheet sets it from the right), for its end differs.
    file = f'<small title="{text(name)}"><bdi>{text(name)}</bdi></small>' if name else ""
    if answer is None:
        return f'<li class="tile">{picture(pixels, truth)}{label}{file}</li>'
    right = answer == truth
    alt = f"{truth}, answered {answer}"
    shown = f"{mark(right)}<span>{text(answer)}</span><i>{text(percent(confidence, 0))}</i>"
    shown = f'<span class="answer" title="{text(answer)}">{shown}</span>'
    kind = "right" if right else "wrong"
    if not evidence:
        return f'<li class="tile {kind}">{picture(pixels, alt)}{label}{shown}{file}</li>'
    parts = [(picture(pixels, alt), file or "<small></small>")]
    said = (f"what speaks for {truth}", label), (f"what speaks for {answer}", shown)
    parts += [(picture(heat, words), below) for heat, (words, below) in zip(evidence, said)]
    cells = "".join(f"<div>{image}{below}</div>" for image, below in parts)
    return f'<li class="tile three {kind}">{cells}</li>'


def tiles(items: Iterable[str], kind: str = "") -> str:
    """A grid of tiles; `kind` is a class of the style sheet that sets their size."""
    return f'<ul class="{f"tiles {kind}".strip()}">{"".join(items)}</ul>'
