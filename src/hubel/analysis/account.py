"""The static account of a network in lines and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from torch import nn

from hubel.networks import Network
from hubel.ops.account import Account, Row
from hubel.ops.geometry import Place

BYTES = 4  # of a float32
VIEWS = ("Flatten", "flatten", "Identity", "Dropout", "Dropout2d")  # hold nothing of their own


@dataclass(frozen=True)
class Line:
    """One layer, or a block of several: what it gives (C, H, W), holds, costs and sees.

    `activations` are the bytes of all its layers' outputs for one picture in float32. `times` such
    blocks of equal form stand in a row; parameters, MACs and bytes are those of all of them, shape
    and place those of the last.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    params: int
    macs: int
    activations: int
    place: Place | None
    times: int = 1

    @property
    def flops(self) -> int:
        """Two a MAC."""
        return 2 * self.macs

    @property
    def is_map(self) -> bool:
        """Whether it gives more than one cell, each at its own place over the picture."""
        return (
            self.place is not None and self.place.at is not None and math.prod(self.shape[1:]) > 1
        )


def layers(account: Account) -> list[Line]:
    """Every layer of an account."""
    return [
        Line(row.name, row.kind, row.shape, row.params, row.macs, _bytes(row), row.place)
        for row in account.rows
    ]


def blocks(lines: Sequence[Line], module: nn.Module) -> list[Line]:
    """A line for each block (the outermost modules that are no mere sequence), repeated ones in
    one; after the last map, where dense layers follow, a line for each layer that costs something.
    """
    found: list[Line] = []
    for name, group in groupby(lines, key=lambda line: _block(line.name, module)):
        inside = list(group)
        if len(inside) == 1:
            found += [replace(inside[0], name=name)]
        elif len(inside[-1].shape) == 1:
            found += _gathered(inside)
        else:
            kind = type(module.get_submodule(name)).__name__
            found += [replace(_sum(inside), name=name, kind=kind)]
    runs: list[list[Line]] = []
    for line in found:
        if runs and _goes_on(runs[-1][-1], line):
            runs[-1].append(line)
        else:
            runs.append([line])
    return [_run(lines) for lines in runs]


def _goes_on(before: Line, line: Line) -> bool:
    """Whether a block of the same row repeats the one before, or adds its channels to them."""
    row, kind, sides = _row(before), before.kind, before.shape[1:]
    if (row, kind, sides) != (_row(line), line.kind, line.shape[1:]):
        return False
    cost = (before.shape, before.params, before.macs, before.activations)
    same = cost == (line.shape, line.params, line.macs, line.activations)
    return same or (len(line.shape) == 3 and line.shape[0] > before.shape[0])


def _row(line: Line) -> str:
    return line.name.rpartition(".")[0]


def _run(lines: Sequence[Line]) -> Line:
    """Blocks that repeat, as one line."""
    if len(lines) == 1:
        return lines[0]
    name = f"{lines[0].name} .. {lines[-1].name.rpartition('.')[2]}"
    return replace(_sum(lines), name=name, times=len(lines))


def _block(name: str, module: nn.Module) -> str:
    """The outermost module on the way to `name` that is more than a sequence of others, or than a
    whole network under a task's heads."""
    path: list[str] = []
    for part in name.split(".") if name else ():
        path.append(part)
        module = getattr(module, part)
        if type(module) not in (nn.Sequential, nn.ModuleList, nn.ModuleDict, Network):
            break
    return ".".join(path)


def _gathered(lines: Sequence[Line]) -> list[Line]:
    """Layers with what only follows them (norm, activation, view) put into their line."""
    found: list[list[Line]] = []
    for line in lines:
        free = line.params == line.macs == 0 and line.shape == (found[-1][-1].shape if found else 0)
        if found and (free or line.kind in VIEWS or "Norm" in line.kind):
            found[-1].append(line)
        else:
            found.append([line])
    return [
        replace(
            group[0],
            params=sum(line.params for line in group),
            activations=sum(line.activations for line in group),
        )
        for group in found
    ]


def _sum(lines: Sequence[Line]) -> Line:
    return replace(
        lines[-1],
        params=sum(line.params for line in lines),
        macs=sum(line.macs for line in lines),
        activations=sum(line.activations for line in lines),
    )


def _bytes(row: Row) -> int:
    return 0 if row.kind in VIEWS or not row.shape else BYTES * math.prod(row.shape)


def last_map(lines: Sequence[Line]) -> Line | None:
    """The last map (C, H, W) of more than one cell that a sliding window gave."""
    maps = [line for line in lines if line.is_map and not line.kind.startswith("Adaptive")]
    return maps[-1] if maps else None


def warnings(
    lines: Sequence[Line], size: tuple[int, int, int], object_size: float | None = None
) -> list[str]:
    """What deserves a second look, each a sentence. `object_size`: the pixels of a typical
    object."""
    return [
        *_exhausted(lines),
        *_heavy(lines),
        *_sight(lines, size, object_size),
    ]


def _exhausted(lines: Sequence[Line]) -> list[str]:
    """Where the map is one cell already and windows still slide over it."""
    tail: list[Line] = []
    for line in reversed(lines):
        if line.is_map:
            break
        if len(line.shape) == 3:
            tail.insert(0, line)
    seen = [line.place.rows.field for line in tail if line.place]
    if not seen or max(seen) == seen[0]:
        return []
    return [
        f"The map is 1x1 already at {tail[0].name}: the windows that follow see padding around one "
        "cell. Larger pictures or fewer strides would use them."
    ]


def _heavy(lines: Sequence[Line]) -> list[str]:
    params = sum(line.params for line in lines)
    dense = [line for line in lines if line.kind == "Linear"]
    heaviest = max(dense, key=lambda line: line.params, default=None)
    if heaviest is None or 2 * heaviest.params < params:
        return []
    share = heaviest.params / params
    return [
        f"{share:.0%} of the parameters are in one dense layer, {heaviest.name}. Global average "
        "pooling in front of it would shrink it by the number of cells."
    ]


def _sight(
    lines: Sequence[Line], size: tuple[int, int, int], object_size: float | None
) -> list[str]:
    last = last_map(lines)
    if last is None or last.place is None:
        return []
    rows, columns = last.place.rows.field, last.place.columns.field
    field, side = min(rows, columns), min(size[1:])
    where = f"the last map, {by_sides(last.shape[1:])} cells"
    found = []
    if object_size is not None and field < object_size:
        found.append(
            f"A cell of {where}, sees {field:g} pixels, less than the {object_size:g} of the "
            "objects: it sees none of them whole."
        )
    if field >= side:
        found.append(
            f"The picture of {by_sides(size[1:])} is smaller than what a cell of {where}, could "
            f"see: {by_sides((rows, columns))}. The rest is padding."
        )
    elif 2 * field < side:
        found.append(
            f"A cell of {where}, sees {by_sides((rows, columns))} of the {by_sides(size[1:])} "
            "pixels: what is larger is only put together after it."
        )
    return found


def by_sides(sides: Sequence[float]) -> str:
    """(7, 7) -> "7x7"."""
    return "x".join(f"{side:g}" for side in sides)
