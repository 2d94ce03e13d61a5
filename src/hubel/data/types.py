"""What pictures with targets are, from a file's name to a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hubel.pictures.read import Readable

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
S = TypeVar("S", bound="Source")


@dataclass(frozen=True)
class Sample:
    """A picture, uint8 (H, W, C), with its target; `index` is its place in the data set.

    The target is a class number or, where a picture has several classes, (K,), 1 for each of them.
    """

    picture: np.ndarray
    target: int | np.ndarray
    name: str
    index: int


@dataclass
class Batch:
    """Pictures (N, C, H, W), uint8 or float32 in 0..255; indices (N,), int64.

    Targets are class numbers (N,), int64, or a share of each class (N, K), float32; of other tasks
    a tensor (N, ...), or a named tuple of tensors such as `data.scenes.Targets`.
    """

    pictures: Tensor
    targets: Any
    indices: Tensor

    def pin_memory(self) -> Batch:
        """The same in memory that a GPU can fetch from by itself."""
        pinned = each(self.targets, lambda tensor: tensor.pin_memory())
        return Batch(self.pictures.pin_memory(), pinned, self.indices.pin_memory())


def each(targets: Any, do: Callable[[Tensor], Tensor]) -> Any:
    """Targets of which every tensor went through `do`."""
    return type(targets)(*map(do, targets)) if isinstance(targets, tuple) else do(targets)


@dataclass(frozen=True)
class Finding:
    """Something about a picture or a class: its name, what in a word or two, and what to do."""

    name: str
    kind: str
    message: str


@dataclass(frozen=True, eq=False)
class Source:
    """Pictures that are not decoded yet. `targets` (N,) int64 are places in `classes`; where
    pictures have several classes, uint8 (N, K), 1 for each of theirs.
    """

    classes: tuple[str, ...]
    names: Sequence[str]
    targets: np.ndarray
    pictures: Sequence[Readable] = field(repr=False)
    files: tuple[Path, ...] = field(repr=False)
    """What the pictures are read from."""
    says: str = field(default="", repr=False, kw_only=True)
    """What makes them besides the files."""

    def __len__(self) -> int:
        return len(self.names)

    def read(self, i: int) -> Readable:
        """What `read_picture` takes: a path, bytes or an array."""
        return self.pictures[i]

    def take(self: S, indices: np.ndarray) -> S:
        """Only these pictures, in this order."""
        names = [self.names[i] for i in indices.tolist()]
        pictures = Taken(self.pictures, indices)
        return replace(self, names=names, targets=self.targets[indices], pictures=pictures)

    @cached_property
    def stamp(self) -> str:
        """32 hexadecimal digits that change with every change of the files: path, size or time."""
        digest = hashlib.blake2b(self.says.encode(), digest_size=16)
        for file in self.files:
            digest.update(f"{file.resolve()}\0{_size_and_time(file)}\0".encode("utf-8", "replace"))
        digest.update("\0".join(self.names).encode("utf-8", "replace"))
        return digest.hexdigest()


@dataclass(frozen=True)
class Data:
    """A data set: classes, training and validation pictures, and how they were told apart.

    `split` says that in words. `findings` are pictures that were left out before decoding.
    `fingerprint` is the same on every machine that has the same files: it is made of the names,
    classes and sizes, not of places and times.
    """

    name: str
    where: str
    classes: tuple[str, ...]
    train: Source
    val: Source
    findings: tuple[Finding, ...]
    split: str
    licence: str
    fingerprint: str
    test: Source | None = None
    """The test part, which no training looks at unless it stands in for validation."""

    @property
    def several(self) -> bool:
        """Whether a picture may have several classes, or none."""
        return self.train.targets.ndim == 2

    def one_each(self, remedy: str) -> None:
        """ValueError with the remedy where pictures have several classes, or none."""
        if self.several:
            raise ValueError(f"{self.where}: its pictures have any number of classes; {remedy}")


def labels(target: int | np.integer | np.ndarray) -> tuple[int, ...]:
    """The class numbers of one target."""
    several = np.ndim(target) > 0
    return tuple(np.flatnonzero(target).tolist()) if several else (int(target),)


def class_counts(targets: np.ndarray, classes: int) -> np.ndarray:
    """How many pictures each class has: targets (N,) or (N, K) -> (K,)."""
    if targets.ndim == 2:
        return targets.sum(axis=0, dtype=np.int64)
    return np.bincount(targets, minlength=classes)


def strata(targets: np.ndarray) -> np.ndarray:
    """The class of each picture (N,); of several the rarest, of none -1."""
    if targets.ndim == 1:
        return targets
    rare = np.argsort(class_counts(targets, 0), kind="stable")
    first = rare[targets[:, rare].argmax(axis=1)]
    return np.where(targets.any(axis=1), first, -1)


class Taken(Sequence[T]):
    """Some elements of a sequence, by their indices."""

    def __init__(self, whole: Sequence[T], indices: np.ndarray):
        self.whole, self.indices = whole, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, i):
        return self.whole[int(self.indices[i])]


def _size_and_time(file: Path) -> str:
    try:
        facts = file.stat()
    except OSError:  # a dangling link: found when it is decoded
        return "missing"
    return f"{facts.st_size}\0{facts.st_mtime_ns}"
