"""The page and the pictures of `hubel explain`."""

from __future__ import annotations

import io
import math
import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hubel.explain.explained import Explained, Picture
from hubel.explain.field import LEAST
from hubel.report.frame import frame
from hubel.report.heat import (
    enlarged,
    framed,
    hot,
    kernels,
    over,
    sheet,
    signed,
    stretched,
)
from hubel.report.html import Number, picture, table, text, tiles
from hubel.report.words import THIN, counted, percent
from hubel.runtime.files import write_whole

SIDE = 224  # CSS pixels of a picture with its heat
SMALL = 88  # of a feature map, a channel, a filter
FILTERS = 96


def write_explained(folder: str | os.PathLike[str], found: Explained) -> Path:
    """Write explain.html, and the same pictures as PNG files, into a folder; the page's path."""
    place = Path(folder)
    for name, pixels in _files(found):
        _save(place / name, pixels)
    first = found.pictures[0]
    parts = {"Evidence": _evidence(found)}
    if any(p.excited for p in found.pictures):
        parts["Channels"] = _channels(found)
    parts["Feature maps"] = _maps(found)
    if found.fields:
        parts["Receptive fields"] = _fields(found)
    if found.filters is not None:
        parts["First filters"] = _filters(found.filters)
    figures = [
        ("Pictures", f"{len(found.pictures):,}"),
        ("Layer explained", found.layer),
        ("Its cells", "×".join(map(str, first.cells.shape))),
    ]
    if found.fields:
        figures.append(("Pixels a cell sees in effect", f"{found.fields[-1].effective:.0f}"))
    lead = (
        "Where a network looks is not yet why it answers: these maps show which part of a picture "
        "moves the score of a class, each by another method. Trust what several of them agree on."
    )
    said = [f"{p.label}" for p in found.pictures]
    headline = (
        f"What {found.network} sees in {first.name}: {said[0]}"
        if len(said) == 1
        else f"What {found.network} sees in {counted(len(said), 'picture')}"
    )
    page = frame(f"hubel explain {found.network}", headline, lead, figures, parts)
    return write_whole(place / "explain.html", page)


def _save(path: Path, pixels: NDArray[np.uint8]) -> Path:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    return write_whole(path, file.getvalue())


def _files(found: Explained):
    """The PNG files: evidence, channels and feature maps of each picture, fields, filters."""
    taken: set[str] = set()
    for number, p in enumerate(found.pictures, 1):
        stem = re.sub(r"[^\w-]+", "-", Path(p.name).stem).strip("-") or "picture"
        stem = stem if stem not in taken else f"{stem}-{number}"
        taken.add(stem)
        shown = [p.pixels, *(over(p.pixels, heat) for _, heat, _ in _heats(p))]
        yield f"{stem}-evidence.png", sheet([[_rgb(enlarged(one, SIDE)) for one in shown]])
        if p.excited:
            pairs = [_excited(p, k) for k in range(len(p.excited))]
            rows = [[_rgb(enlarged(pair[i], 128)) for pair in pairs] for i in (0, 1)]
            yield f"{stem}-channels.png", sheet(rows)
        rows = [[enlarged(stretched(m), 96) for m in stage.maps[:8]] for stage in p.stages]
        yield f"{stem}-maps.png", sheet(rows)
    if found.fields:
        row = [enlarged(_field(f.values), 192) for f in found.fields]
        yield "fields.png", sheet([row])
    if found.filters is not None:
        small = [_rgb(enlarged(one, 64)) for one in kernels(found.filters)[:FILTERS]]
        yield "filters.png", sheet([small[i : i + 12] for i in range(0, len(small), 12)])


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels if pixels.shape[2] == 3 else pixels.repeat(3, axis=2)


def _heats(p: Picture) -> list[tuple[str, NDArray[np.float32], str]]:
    fall = max(float(p.occlusion.max()), 0.0)
    return [
        ("Grad-CAM", p.gradcam, "the gradient weighs the channels"),
        ("Grad-CAM++", p.gradcam_plus, "every cell weighs its own"),
        ("Occlusion", p.occlusion, f"covered at the hottest, it falls by {percent(fall)}"),
    ]


def _shown(pixels: NDArray[np.uint8], alt: str, side: int, name: str, note: str = "") -> str:
    below = f"<b>{text(name)}</b>" + (f"<small>{text(note)}</small>" if note else "")
    return f'<li class="tile">{picture(pixels, alt, side)}{below}</li>'


def _evidence(found: Explained) -> str:
    blocks = []
    for p in found.pictures:
        answers = ", ".join(f"{label} {percent(share)}" for label, share in p.top)
        items = [_shown(p.pixels, p.name, SIDE, "As the network gets it", _size(p.pixels))]
        items += [
            _shown(over(p.pixels, heat), f"{name} for {p.label}", SIDE, name, note)
            for name, heat, note in _heats(p)
        ]
        blocks.append(
            f'<div class="pair"><h3>{text(p.name)}: what speaks for {text(p.label)}'
            f"<small>{text(answers)}</small></h3>{tiles(items, 'wide')}</div>"
        )
    return (
        f"<p>Bright is what speaks for the class most, in each map by its own scale. Grad-CAM and "
        f"Grad-CAM++ read the layer {text(found.layer)}; occlusion covers the picture piece by "
        "piece and watches the probability fall.</p>" + "".join(blocks)
    )


def _size(pixels: NDArray[np.uint8]) -> str:
    return f"{pixels.shape[0]} × {pixels.shape[1]} pixels"


def _excited(p: Picture, k: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The picture around the strongest cell of a channel, and the reconstruction over it."""
    one = p.excited[k]
    return framed(p.pixels, one.box), signed(one.reconstruction)


def _channels(found: Explained) -> str:
    blocks = []
    for p in found.pictures:
        items = []
        for k, one in enumerate(p.excited):
            bright, lines = _excited(p, k)
            name = f"Channel {one.channel}"
            both = picture(bright, f"what {name} sees", SMALL * 3 // 2)
            both += picture(lines, f"what excites {name}", SMALL * 3 // 2)
            items.append(f'<li class="tile duo"><div>{both}</div><b>{name}</b></li>')
        if items:
            blocks.append(f'<div class="pair"><h3>{text(p.name)}</h3>{tiles(items, "duos")}</div>')
    return (
        "<p>The channels that add most to the heat, each at its strongest cell: the part of the "
        "picture that the cell can see, and what in it excites the channel, by guided "
        "backpropagation (Springenberg et al. 2014). Grey is no effect.</p>" + "".join(blocks)
    )


def _maps(found: Explained) -> str:
    blocks = []
    for number, p in enumerate(found.pictures):
        rows = []
        for stage in p.stages:
            items = [
                f'<li class="tile">{picture(stretched(m), f"channel {c}", SMALL)}'
                f"<small>{c}</small></li>"
                for c, m in zip(stage.channels, stage.maps)
            ]
            cells = "×".join(map(str, stage.maps.shape[1:]))
            rows.append(
                f"<h3>{text(stage.layer)}<small>{stage.width} maps of {cells} cells</small></h3>"
                + tiles(items, "maps")
            )
        opened = " open" if number == 0 else ""
        blocks.append(
            f"<details{opened}><summary>{text(p.name)}</summary>{''.join(rows)}</details>"
        )
    return (
        "<p>The last layer of every size. Of its channels, those that vary most over the picture, "
        "each from its least to its largest value.</p>" + "".join(blocks)
    )


def _field(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return hot(np.sqrt(values))


def _fields(found: Explained) -> str:
    items = [
        _shown(_field(f.values), f"effective field of {f.layer}", 176, f.layer)
        for f in found.fields
    ]
    rows: list[list[str | Number]] = []
    for f in found.fields:
        could = f.theoretical[0]
        share = f.effective / min(could, max(f.values.shape))
        known = not math.isnan(could)
        rows.append(
            [
                f.layer,
                "×".join(map(str, f.cells)),
                Number(could, f"{could:g}" if known else "–"),
                Number(f.effective, f"{f.effective:.0f}"),
                Number(share, percent(share, 0) if known else "–", min(share, 1) if known else 0),
            ]
        )
    head = ["Layer", "Cells", "Could see", "Sees", "Share of what it could see in the picture"]
    return (
        "<p>What the middle cell of a layer sees, by the gradient over these pictures: the root of "
        "the shade is shown, and pixels count from "
        f"{100 * LEAST:.2f}{THIN}% of the strongest on (Luo et al. 2016). What a cell could see is "
        "arithmetic; what it sees is a bell within it, and grows as the network learns.</p>"
        + tiles(items, "wide")
        + table(head, rows, caption="Receptive fields in pixels", sortable=True)
    )


def _filters(filters: NDArray[np.float32]) -> str:
    count, inputs, height, width = filters.shape
    shown = kernels(filters)[:FILTERS]
    which = "in colour" if inputs == 3 else "dark takes away, bright adds"
    more = f" The first {FILTERS} are shown." if count > FILTERS else ""
    items = [
        f'<li class="tile">{picture(one, f"filter {n}", SMALL)}</li>' for n, one in enumerate(shown)
    ]
    return (
        f"<p>The {count} filters of {height} × {width} pixels that the picture meets first, "
        f"{which}; grey is 0.{more}</p>" + tiles(items, "maps")
    )
