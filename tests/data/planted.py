"""Faults put into a copy of a data set, so that it is known what a check must find."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

Pair = frozenset[str]


@dataclass
class Planted:
    """Names of the corrupt files, and the pairs of each other kind, below `root`."""

    root: Path
    corrupt: set[str] = field(default_factory=set)
    exact: set[Pair] = field(default_factory=set)
    near: set[Pair] = field(default_factory=set)
    leaks: set[Pair] = field(default_factory=set)
    conflicts: set[Pair] = field(default_factory=set)

    @property
    def pairs(self) -> set[Pair]:
        return self.exact | self.near | self.leaks | self.conflicts


def _cut(share: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(share * len(content))]


SPOILT: tuple[Callable[[bytes], bytes], ...] = (
    lambda _: b"",
    _cut(0.5),
    _cut(0.95),
    lambda content: content[:100],
    lambda content: b"<html>not found</html>",
    lambda content: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
)


def _resized(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda p: p.resize((round(p.width * factor), round(p.height * factor)))


def _brighter(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda p: ImageEnhance.Brightness(p).enhance(factor)


CHANGED: tuple[tuple[Callable[[Image.Image], Image.Image], int], ...] = (
    (lambda p: p, 60),  # stored anew, at this quality of JPEG
    (lambda p: p, 35),
    (_resized(0.9), 90),
    (_resized(1.1), 90),
    (_brighter(1.2), 90),
    (_brighter(0.8), 90),
)


def plant(
    source: Path, root: Path, *, corrupt: int, exact: int, near: int, leaks: int, conflicts: int
) -> Planted:
    """Copy train/ and val/ of a folder per class and put faults in, each at pictures of its own."""
    shutil.copytree(source, root)
    planted = Planted(root)
    training = sorted(root.glob("train/*/*.*"))
    np.random.default_rng(0).shuffle(training)  # type: ignore[arg-type]
    labels = sorted(folder.name for folder in (root / "train").iterdir())
    waiting = iter(training)

    def name(file: Path) -> str:
        return file.relative_to(root).as_posix()

    def copied(folder: str, file: Path, number: int) -> Path:
        return Path(shutil.copy(file, root / folder / f"copy {number}{file.suffix}"))

    for number in range(corrupt):
        file = next(waiting)
        file.write_bytes(SPOILT[number % len(SPOILT)](file.read_bytes()))
        planted.corrupt.add(name(file))
    for number in range(exact):
        file = next(waiting)
        other = copied(f"train/{file.parent.name}", file, number)
        if number % 2:  # the same pixels in another format
            other.unlink()
            other = other.with_suffix(".png")
            Image.open(file).save(other)
        planted.exact.add(frozenset({name(file), name(other)}))
    for number in range(near):
        file = next(waiting)
        change, quality = CHANGED[number % len(CHANGED)]
        other = file.with_name(f"near {number}.jpg")
        change(Image.open(file).convert("RGB")).save(other, quality=quality)
        planted.near.add(frozenset({name(file), name(other)}))
    for number in range(leaks):
        file = next(waiting)
        planted.leaks.add(
            frozenset({name(file), name(copied(f"val/{file.parent.name}", file, number))})
        )
    for number in range(conflicts):
        file = next(waiting)
        label = labels[(labels.index(file.parent.name) + 1) % len(labels)]
        other = copied(f"train/{label}", file, 1000 + number)
        planted.conflicts.add(frozenset({name(file), name(other)}))
    return planted
