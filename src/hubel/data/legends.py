"""Which class a value or a colour of a mask stands for: from a list beside the masks, from data
sets that are known, or from the values themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

IGNORED = 255
"""What a pixel has in a map that is neither trained on nor counted."""

VOID = frozenset({"void", "ignore", "ignored", "unlabelled", "unlabeled"})
"""Classes of these names are ignored."""

LISTS = (
    *("classes.txt", "class_names.txt", "names.txt", "labels.txt", "codes.txt"),
    *("class_dict.csv", "classes.csv", "label_colors.txt", "labelmap.txt"),
)
"""Files that name the classes, in the order they are looked for."""

MOST = 64
"""Values of masks without a list of classes; more of them are no classes but a photograph."""

VOC = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair"),
    *("cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""Everingham et al. 2010, in the order of their values."""

CAMVID = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian"),
    *("bicyclist", "void"),
)
"""Brostow et al. 2009 in the eleven classes of Badrinarayanan et al. 2015 (SegNet)."""

_CAMVID_PICTURE = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_\w+\.(png|jpg)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")


@dataclass(frozen=True, eq=False)
class Legend:
    """`table`: a value, or a colour as 65536 r + 256 g + b where `coloured`, -> a place in
    `classes`, IGNORED for what counts as none.
    """

    classes: tuple[str, ...]
    table: Mapping[int, int]
    coloured: bool = False

    def classed(self, values: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Values or colours (H, W) -> class numbers; what the table does not have is ignored."""
        known, places = self._sorted
        at = np.searchsorted(known, values).clip(max=len(known) - 1)
        return np.where(known[at] == values, places[at], np.uint8(IGNORED))

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        known = sorted(self.table)
        return np.array(known, np.int32), np.array([self.table[v] for v in known], np.uint8)

    def shown(self, value: int) -> str:
        """A value or a colour as one would write it."""
        if not self.coloured:
            return f"the value {value}"
        return f"the colour ({value >> 16}, {value >> 8 & 255}, {value & 255})"


def legend_of(folders: Iterable[Path], pictures: Sequence[str]) -> Legend | None:
    """From the first list of classes in one of the folders, or from what is known of a data set.

    A line of a list is a name, a number and a name, or a name with three numbers, its colour; a
    first line of headings does not count. ValueError for a list that says none of this.
    """
    for folder in dict.fromkeys(folders):
        for name in LISTS:
            if (folder / name).is_file():
                return read_legend(folder / name)
        if (folder / "SegmentationClass").is_dir():
            return _named(VOC, range(len(VOC)), False, "Pascal VOC")
    if pictures and all(_CAMVID_PICTURE.fullmatch(name) for name in pictures):
        return _named(CAMVID, range(len(CAMVID)), False, "CamVid")
    return None


def read_legend(file: Path) -> Legend:
    """A list of classes; see `legend_of`."""
    names, numbers = [], []
    for line in file.read_text(encoding="utf-8-sig").split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        found = [int(number) for number in _NUMBER.findall(line)]
        name = _NUMBER.sub(" ", line).strip(" \t\r,;:")
        if not found and re.fullmatch(r"(name|class)[\s,;]+r[\s,;]+g[\s,;]+b", name.lower()):
            continue
        names.append(re.sub(r"[\s,;:]+", " ", name))
        numbers.append(found)
    counts = {len(found) for found in numbers}
    if counts == {3}:
        return _named(names, [r << 16 | g << 8 | b for r, g, b in numbers], True, str(file))
    if counts == {1}:
        return _named(names, [value for (value,) in numbers], False, str(file))
    if counts == {0}:
        return _named(names, range(len(names)), False, str(file))
    rule = "a line is a name, a number and a name, or a name and its colour as three numbers"
    raise ValueError(f"{file}: not a list of classes; {rule}, all lines alike")


def legend_of_values(values: Iterable[int], where: object) -> Legend:
    """Classes called by their values, where no list names them; of 0 and 255 alone, background and
    foreground.
    """
    found = sorted(set(values))
    if found == [0, 255]:
        return Legend(("background", "foreground"), {0: 0, 255: 1})
    kept = [value for value in found if value != IGNORED]
    if len(kept) > MOST or kept[-1:] > [IGNORED]:
        rule = "without a list of classes they are numbers, 64 different ones at most"
        remedy = "name the classes, or their colours, in classes.txt beside the folders"
        raise ValueError(
            f"{where}: {len(kept)} values in the masks, up to {kept[-1]}; {rule}; {remedy}"
        )
    return _named([str(value) for value in kept], kept, False, str(where))


def _named(names: Sequence[str], values: Iterable[int], coloured: bool, source: str) -> Legend:
    """The legend of names and their values; what is called void is no class."""
    kept = [name for name in names if name.lower() not in VOID]
    if twice := next((name for name in kept if kept.count(name) > 1), None):
        raise ValueError(f"{source}: the class {twice!r} is there twice; rename one of them")
    if not 2 <= len(kept) < IGNORED:
        rule = "a class map has two classes at least, and 254 at most"
        raise ValueError(f"{source}: {len(kept)} classes; {rule}")
    places = {name: place for place, name in enumerate(kept)}
    table = {value: places.get(name, IGNORED) for name, value in zip(names, values)}
    return Legend(tuple(kept), table if coloured else {IGNORED: IGNORED, **table}, coloured)
