"""Pictures and classes that are unlike the others of their data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePath

import numpy as np
from PIL import Image

from hubel.data.survey import Look
from hubel.data.types import Finding

FEW = 10  # pictures below which a class is tiny,
SHARE = 0.05  # and the share of the middle class below which it is, too
AREA = 25.0  # factor of the median's pixels beyond which a size is extreme
LONG = 4.0  # long side by short side from which a shape is extreme, if it is twice the median's
RARE = 0.1  # share below which plain grey or colour is odd among the other


def odd_classes(counts: dict[str, np.ndarray], classes: Sequence[str]) -> Iterable[Finding]:
    """Classes without pictures in a part, and those with few in the part that is trained on."""
    first = next(iter(counts))
    middle = float(np.median(counts[first]))
    for part, per_class in counts.items():
        for label, count in zip(classes, per_class.tolist()):
            where = "at all" if part == "all" else f"in {part}"
            if not count:
                meaning = "it cannot be learned" if part == first else "no score tells of it"
                message = f"has no readable picture {where}: {meaning}; add some"
                yield Finding(f"class {label}", "missing class", message)
            elif part == first and count < max(FEW, SHARE * middle):
                many = "picture" if count == 1 else "pictures"
                message = f"has {count} {many} {where}, the middle class {middle:g}; add some"
                yield Finding(f"class {label}", "tiny class", message)


def odd_pictures(looks: Sequence[Look]) -> Iterable[Finding]:
    """Pictures that can be read and are unlike the others."""
    if not looks:
        return
    sizes = np.array([look.size for look in looks], float)
    areas, shapes = sizes.prod(axis=1), sizes.max(axis=1) / sizes.min(axis=1)
    area, shape = float(np.median(areas)), float(np.median(shapes))
    modes = Counter(look.header.mode for look in looks)
    usual = modes.most_common(1)[0][0]
    suffixes = Image.registered_extensions()
    for look, pixels, longer in zip(looks, areas.tolist(), shapes.tolist()):
        (height, width), header = look.size, look.header

        def found(kind: str, message: str, name: str = look.name) -> Finding:
            return Finding(name, kind, message)

        size = f"is {width} x {height}"
        if look.flat:
            values = ", ".join(f"{255 * value:.0f}" for value in look.mean)
            what = "black" if not look.mean.any() else f"of one colour ({values})"
            yield found("one colour", f"is all {what}; replace or remove it")
        if not area / AREA <= pixels <= area * AREA:
            how = "smaller" if pixels < area else "larger"
            message = f"{size}, far {how} than the median of {area:,.0f} pixels; is it meant?"
            yield found("extreme size", message)
        if longer >= max(LONG, 2 * shape):
            message = f"{size}: one side is {longer:.3g} times the other; little of it remains"
            yield found("extreme shape", f"{message} when it is cut or squashed")
        expected = suffixes.get(PurePath(look.name).suffix.lower())
        if expected and header.format != "array" and not _is(header.format, expected):
            message = f"is {header.format}, though its name says {expected}; rename it"
            yield found("other format", message)
        if header.orientation != 1:
            message = f"is stored turned (EXIF orientation {header.orientation}); Hubel turns it"
            yield found("turned", f"{message} upright, other programs may not")
        plain = header.mode in ("L", "RGB")
        if header.mode != usual and not (plain and modes[header.mode] >= RARE * len(looks)):
            message = f"has the colour mode {_mode(header.mode)}, most have {_mode(usual)}"
            yield found("odd mode", f"{message}; Hubel makes RGB of it, look at the result")


def _is(found: str, expected: str) -> bool:
    families = ({"JPEG", "MPO", "JFIF"}, {"TIFF", "MPO"}, {"BMP", "DIB"})
    return found == expected or any({found, expected} <= family for family in families)


def _mode(mode: str) -> str:
    names = {
        "1": "1 bit",
        "L": "grey",
        "P": "palette",
        "RGB": "RGB",
        "RGBA": "RGB with transparency",
        "LA": "grey with transparency",
        "CMYK": "CMYK (print)",
        "F": "floating point",
        "I": "16 or 32-bit grey",
    }
    return "16-bit grey" if mode.startswith("I;") else names.get(mode, mode)
