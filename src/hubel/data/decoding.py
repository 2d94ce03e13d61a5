"""Pictures decoded once and kept on the disk, or decoded anew where there is no room for them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hubel.data.kept import Arrays, Errors, Files, Ragged, by_name, load, opened, store
from hubel.data.types import Finding, Sample, Source
from hubel.pictures import PictureError, Preprocess, Whole, preprocess_many
from hubel.pictures.read import Readable
from hubel.runtime.cache import cache_folder, cache_room
from hubel.runtime.files import write_whole
from hubel.runtime.machine import cores, free_memory

VERSION = 2
"""Part of every key: raise it when the same files give other pixels."""

_BLOCK = 16 * 2**20  # bytes of pixels decoded at a time
_TINY = 4096  # bytes of file; threads only wait for each other over pictures smaller than this
_SAID = 100_000_000  # bytes of pixels, or
_MANY = 5000  # pictures, from which on it is said what is written


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures with their `targets`: places in `classes`, int64 (N,), or uint8 (N, K), 1 for each
    class of a picture.

    `arrays` are uint8: (N, H, W, C) where all have one size, else by number, (h, w, C) each.
    `note` says where the pixels are, if not in the cache.
    """

    arrays: Arrays
    targets: np.ndarray
    names: Sequence[str]
    classes: tuple[str, ...]
    note: str = ""

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, i: int) -> Sample:
        target = self.targets[i]
        target = np.array(target) if np.ndim(target) else int(target)
        return Sample(np.array(self.arrays[i]), target, self.names[i], int(i))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "arrays": by_name(self.arrays)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, arrays=opened(state["arrays"]))


def decode(
    source: Source,
    preprocess: Preprocess,
    *,
    canvas: tuple[int, int] | None = None,
    least: int | None = None,
    workers: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Pictures, list[Finding]]:
    """All pictures of a source as `preprocess` makes them, border included, and those left out.

    With a `canvas` (height, width) they get that size instead, uncropped and without the border,
    for augmentation to cut from. With `least` they keep their own shapes, as `Preprocess.whole`
    says. C is `preprocess.channels`. Pixels are kept in the cache, under a key of the files' paths,
    sizes and times and of all that shapes a pixel. Where the cache has no room or cannot be
    written, they stay in memory if that has four times the room, and else are decoded whenever they
    are used; `Pictures.note` says so, and the pixels are the same. `workers` are threads, by
    default one per core where the pictures are large enough to gain from it. `say` is told before
    much is written.

    A picture that cannot be used becomes a Finding; ValueError if none can be used.
    """
    way = preprocess.canvas(canvas) if canvas else preprocess
    return decode_by(source, preprocess.whole(least) if least else way, workers=workers, say=say)


def decode_by(
    source: Source,
    way: Any,
    *,
    workers: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Pictures, list[Finding]]:
    """`decode` by any way from what a source has to uint8 (h, w, C), with `channels` and a
    `to_dict()` that says all that shapes a pixel.
    """
    work = _Work(source, way, workers)
    if not len(source):
        empty = np.empty((0, *(work.shape or (1, 1, way.channels or 1))), np.uint8)
        return Pictures(empty, source.targets, source.names, source.classes), []
    path = cache_folder() / "decoded" / f"{work.key}.npy"
    arrays, errors, note = _kept(path, work, say)
    findings = [Finding(source.names[i], kind, message) for i, kind, message in errors]
    if not len(arrays):
        first = findings[0]
        many = f"none of the {len(source)} pictures can be used"
        raise ValueError(f"{many}; the first: {first.name}: {first.message}")
    names, targets = source.names, source.targets
    if errors:
        good = _good(len(source), errors)
        names, targets = [names[i] for i in good.tolist()], targets[good]
    return Pictures(arrays, targets, names, source.classes, note), findings


@dataclass(frozen=True)
class _Work:
    """What is decoded how, in threads."""

    source: Source
    way: Any
    workers: int | None

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(H, W, C) where all pictures have one."""
        one = isinstance(self.way, Preprocess)
        return (*self.way.input_size, self.way.channels) if one else None

    @property
    def key(self) -> str:
        # The mean and the deviation are applied later: changing them decodes nothing anew.
        shaping = {k: v for k, v in self.way.to_dict().items() if k not in ("mean", "std")}
        text = json.dumps([VERSION, self.source.stamp, shaping], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @cached_property
    def each(self) -> int:
        """Bytes of pixels a picture: where they are of different sizes, as a few suggest."""
        if self.shape:
            return math.prod(self.shape)
        sizes = []
        for i in np.linspace(0, len(self.source) - 1, 24).round().astype(int):
            with contextlib.suppress(PictureError):
                sizes.append(self.way(self.source.read(int(i))).size)
        return int(np.mean(sizes)) if sizes else 1

    def blocks(self, errors: Errors) -> Iterator[np.ndarray | list[np.ndarray]]:
        """The pixels in order, some megabytes at a time; what fails is appended to `errors`."""
        size = max(1, min(4096, _BLOCK // self.each))

        def work(start: int) -> tuple[np.ndarray | list[np.ndarray], Errors]:
            stop = min(start + size, len(self.source))
            pixels, bad = self._pixels([self.source.read(i) for i in range(start, stop)])
            return pixels, [(start + at, error.kind, error.message) for at, error in bad.items()]

        threads = self.workers or (1 if _tiny(self.source) else cores())
        waiting: deque[Future[tuple[np.ndarray | list[np.ndarray], Errors]]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(self.source), size):
                waiting.append(pool.submit(work, start))
                if len(waiting) > threads + 1:  # no more in memory than is being worked on
                    yield _collect(waiting, errors)
            while waiting:
                yield _collect(waiting, errors)

    def _pixels(
        self, sources: Sequence[Readable]
    ) -> tuple[np.ndarray | list[np.ndarray], dict[int, PictureError]]:
        if isinstance(self.way, Preprocess):
            return preprocess_many(self.way, sources)
        pixels, bad = [], {}
        for at, source in enumerate(sources):
            try:
                pixels.append(self.way(source))
            except PictureError as error:
                bad[at] = error
        return pixels, bad


def _kept(path: Path, work: _Work, say: Callable[[str], None]) -> tuple[Arrays, Errors, str]:
    """The pixels from the cache, written first where they are not there; else without it."""
    found = load(path, work.shape is None)
    if found:
        return *found, ""
    needed = work.each * len(work.source)
    try:
        if needed > (room := cache_room()):
            rest = f"{_gb(needed)} are needed and not free: {_gb(max(0, room))} may be used"
            raise OSError(f"{rest}, see HUBEL_CACHE_LIMIT and hubel doctor --empty-cache")
        if needed > _SAID or len(work.source) >= _MANY:
            many = f"Decoding {len(work.source):,} pictures"
            say(f"{many}: {_gb(needed)} in {path.parent}, kept for the next time")
        errors: Errors = []
        store(path, work.blocks(errors), work.shape, errors)
        if found := load(path, work.shape is None):
            return *found, ""
        raise OSError("what was written cannot be read")
    except OSError as error:
        return _without_cache(path, work, needed, error)


def _without_cache(
    path: Path, work: _Work, needed: int, reason: OSError
) -> tuple[Arrays, Errors, str]:
    errors: Errors = []
    because = f"{path.parent} cannot keep them ({reason})"
    if needed <= (free_memory() or 2**32) / 4:
        blocks = list(work.blocks(errors))
        note = f"decoded pictures stay in memory: {because}"
        if work.shape:
            return np.concatenate(blocks), errors, note
        made = [picture for block in blocks for picture in block]
        places = np.array([(0, *picture.shape) for picture in made], np.int64).reshape(-1, 4)
        places[1:, 0] = np.cumsum(places[:-1, 1:].prod(axis=1))
        flat = [picture.reshape(-1) for picture in made] or [np.empty(0, np.uint8)]
        return Ragged(np.concatenate(flat), places), errors, note
    errors = _unusable(path.with_suffix(".errors"), work)
    pictures = work.source.pictures
    if errors:
        pictures = work.source.take(_good(len(work.source), errors)).pictures
    note = f"pictures are decoded anew in every epoch: {because}"
    return Files(pictures, work.way), errors, note


def _unusable(path: Path, work: _Work) -> Errors:
    """The pictures that cannot be used, known before the first epoch: a look at each of them, at an
    eighth of its size where that is enough.
    """
    try:
        return [tuple(error) for error in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError):
        pass
    errors: Errors = []
    way = Whole(1) if isinstance(work.way, Whole) else work.way
    for _ in replace(work, way=way).blocks(errors):
        pass
    with contextlib.suppress(OSError):  # where nothing can be kept it is found out again
        write_whole(path, json.dumps(errors))
    return errors


def _good(count: int, errors: Errors) -> np.ndarray:
    return np.setdiff1d(np.arange(count), [i for i, _, _ in errors])


def _collect(
    waiting: deque[Future[tuple[np.ndarray | list[np.ndarray], Errors]]], errors: Errors
) -> np.ndarray | list[np.ndarray]:
    pixels, bad = waiting.popleft().result()
    errors += bad
    return pixels


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.1f} MB"


def _tiny(source: Source) -> bool:
    first = source.read(0)
    return isinstance(first, np.ndarray) or (isinstance(first, bytes) and len(first) < _TINY)
