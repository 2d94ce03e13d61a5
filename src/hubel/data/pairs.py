"""Pictures for super-resolution: a folder of them, and pairs of small and large made on the fly."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from hubel.data.augment import Step
from hubel.data.decoding import Pictures, decode
from hubel.data.draws import draws
from hubel.data.geometry import Mirror
from hubel.data.layout import SPLITS
from hubel.data.moving import Flip, Turn
from hubel.data.open import fingerprint, lot
from hubel.data.types import Batch, Data, Finding, Sample, Source
from hubel.pictures import Preprocess, list_pictures
from hubel.pictures.preprocess import resize

BENCHMARKS = ("set5", "set14", "b100", "bsd100", "urban100", "manga109")
"""Folders of pictures that the field scores on: never trained on where they lie beside others."""

WHOLE = 1_000_000  # pixels that no side has: pictures are decoded in full
SUPPORT = 3  # of the widest filter, in pixels of the small picture
LEAST = 11  # pixels of a scored picture within its border: SSIM's window


def open_pictures(where: str | os.PathLike[str], *, seed: int = 0, val: float = 0.2) -> Data:
    """All pictures of a folder and below, without classes.

    Folders called train, val and test are these parts. Else Set5 is for validation where it is
    there, and other benchmarks (BENCHMARKS) for test; where nothing is, the share `val` is set
    aside, chosen by `seed` and the names, one picture at least. With val=1 all of them are for
    validation. ValueError for what is no folder, or holds no pictures to score on.
    """
    root = Path(where)
    if not root.is_dir():
        raise ValueError(f"{root}: not a folder; super-resolution learns from a folder of pictures")
    parts: dict[str, list[Path]] = {"train": [], "val": [], "test": []}
    for file in list_pictures(root):
        parts[_part(file.relative_to(root).parts[:-1])].append(file)
    split = "by the folders' names"
    if val == 1 and not parts["val"]:
        parts = {"train": [], "val": [*parts["train"], *parts["test"]], "test": []}
        split = "all pictures are for validation"
    elif not parts["val"] and parts["train"]:
        names = {file: file.relative_to(root).as_posix() for file in parts["train"]}
        lots = sorted(names, key=lambda file: lot(seed, names[file]))
        held = set(lots[: max(1, round(len(names) * val))])
        parts["val"] = sorted(held)
        parts["train"] = [file for file in names if file not in held]
        split = f"{val:.0%} of the pictures set aside for val, chosen by seed {seed}"
    if not parts["val"]:
        raise ValueError(f"{root}: no pictures in it or below that could be scored; add some")
    sources = {name: _source(root, files) for name, files in parts.items()}
    return Data(
        name=root.resolve().name,
        where=os.fspath(where),
        classes=(),
        train=sources["train"],
        val=sources["val"],
        findings=(),
        split=split,
        licence="",
        fingerprint=fingerprint((), sources["train"], sources["val"]),
        test=sources["test"] if parts["test"] else None,
    )


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pictures, uint8 (h, w, 3) of any size, with their small forms: the sides divided by `scale`.

    A small picture is made by the antialiased `filter` of that name and rounded to 8 bits, as the
    benchmarks do. With a `patch` (height, width), in pixels of the small picture, there are as
    many items as patches fit into the pictures side by side, each at a random place of its own;
    without, an item is a whole picture. Pictures that are too small have no item: see `too_small`.
    """

    pictures: Pictures
    scale: int
    filter: str = "bicubic"
    patch: tuple[int, int] | None = None

    @property
    def names(self) -> list[str]:
        """The name of every item's picture."""
        each = np.repeat(np.arange(len(self.pictures)), self._counts)
        return [self.pictures.names[i] for i in each.tolist()]

    @property
    def classes(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def most(self) -> int:
        """How many items one batch can hold: whole pictures have sizes of their own."""
        return len(self) if self.patch else 1

    def source(self, k: int) -> np.ndarray:
        """The whole small picture of item k, uint8 (h, w, 3): what is to be enlarged."""
        return self[k].picture

    @property
    def least(self) -> tuple[int, int]:
        """Height and width from which on a picture can be used."""
        height, width = self.patch or (LEAST + 2 * SUPPORT,) * 2
        return self.scale * height, self.scale * width

    def too_small(self) -> list[Finding]:
        """The pictures that cannot be used."""
        height, width = self.least
        found = []
        for i in np.flatnonzero(self._counts == 0).tolist():
            tall, wide = self.pictures.arrays[i].shape[:2]
            rule = f"at least {width} x {height} are needed for x{self.scale}"
            message = f"is {wide} x {tall}; {rule}; remove it, or make the patches smaller"
            found.append(Finding(self.pictures.names[i], "too small", message))
        return found

    def __len__(self) -> int:
        return int(self._counts.sum())

    def __getitem__(self, k: int) -> Sample:
        """The whole small picture (h, w, 3) of item k, with the large one (scale h, scale w, 3) as
        its target; what is no multiple of the scale is cut from its bottom and right.
        """
        i = self._picture(k)
        large = self._large(i)
        return Sample(self._small(large), np.array(large), self.pictures.names[i], k)

    def batch(
        self, seed: int, epoch: int, indices: np.ndarray, augment: Sequence[Step] = ()
    ) -> Batch:
        """Patches: small uint8 (N, 3, h, w), targets the large ones (N, 3, scale h, scale w);
        without a patch, one whole picture.

        Places and augmentation are a function of (seed, epoch, index). ValueError for steps that
        cannot be done to both sides alike.
        """
        for step in augment:
            if not isinstance(step, ALIKE):
                given = type(step).__name__.lower()
                raise ValueError(
                    f"augment {given}: pairs of pictures take mirror, flip and turn only"
                )
        u = draws(seed, epoch, indices, 2 + sum(step.draws for step in augment))
        pairs = (self._pair(self._picture(k), row) for k, row in zip(indices.tolist(), u))
        low, high = (torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2) for side in zip(*pairs))
        at = 2
        for step in augment:
            own = u[:, at : at + step.draws]
            low, high = step(low, own), step(high, own)
            at += step.draws
        return Batch(low.contiguous(), high.contiguous(), torch.from_numpy(np.asarray(indices)))

    @cached_property
    def _counts(self) -> np.ndarray:
        """Items of each picture."""
        shapes = np.array([self.pictures.arrays[i].shape[:2] for i in range(len(self.pictures))])
        fit = shapes.reshape(-1, 2) // np.array(self.least)
        return fit.prod(axis=1) if self.patch else fit.all(axis=1).astype(np.int64)

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self._counts)

    def _picture(self, k: int) -> int:
        """The number of item k's picture."""
        if not 0 <= k < len(self):
            raise IndexError(k)
        return int(np.searchsorted(self._ends, k, side="right"))

    def _large(self, i: int) -> np.ndarray:
        large = self.pictures.arrays[i]
        height, width = (n // self.scale * self.scale for n in large.shape[:2])
        return large[:height, :width]

    def _small(self, large: np.ndarray) -> np.ndarray:
        height, width = (n // self.scale for n in large.shape[:2])
        return resize(large, (height, width), self.filter)

    def _pair(self, i: int, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A patch of picture i at the place that u (2+,) says: small and large."""
        large, s = self._large(i), self.scale
        if self.patch is None:
            return self._small(large), large
        height, width = self.patch
        top = int(u[0] * (large.shape[0] // s - height + 1))
        left = int(u[1] * (large.shape[1] // s - width + 1))
        # What the filter sees of it, and no more: the pixels are those of the whole small picture.
        above, before = min(top, SUPPORT), min(left, SUPPORT)
        around = large[
            s * (top - above) : s * (top + height + SUPPORT),
            s * (left - before) : s * (left + width + SUPPORT),
        ]
        small = self._small(around)[above : above + height, before : before + width]
        return small, large[s * top : s * (top + height), s * left : s * (left + width)]


def decode_pairs(
    source: Source, *, scale: int, filter: str = "bicubic", patch: tuple[int, int] | None = None,
    workers: int | None = None, say: Callable[[str], None] = lambda text: None,
) -> tuple[Pairs, list[Finding]]:  # fmt: skip
    """The pictures of a source in full and in colour, as `Pairs`, and those left out: unreadable or
    too small. ValueError if none is left.
    """
    pictures, findings = decode(source, Preprocess((1, 1)), least=WHOLE, workers=workers, say=say)
    pairs = Pairs(pictures, scale, filter, patch)
    findings += pairs.too_small()
    if not len(pairs):
        of = "train on" if patch else "score on"
        first = f"; the first: {findings[0].name}: {findings[0].message}" if findings else ""
        raise ValueError(f"no pictures are left to {of}{first or '; add some'}")
    return pairs, findings


ALIKE = (Mirror, Flip, Turn)
"""Steps that do the same to the small picture and to the large one."""


def _part(folders: tuple[str, ...]) -> str:
    """The part that the pictures in these folders belong to."""
    for folder in map(str.lower, folders):
        if folder in SPLITS:
            return SPLITS[folder]
        if folder in BENCHMARKS:
            return "val" if folder == "set5" else "test"
    return "train"


def _source(root: Path, files: list[Path]) -> Source:
    names = [file.relative_to(root).as_posix() for file in files]
    return Source((), names, np.zeros(len(files), np.int64), files, tuple(files))
