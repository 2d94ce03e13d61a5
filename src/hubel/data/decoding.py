"""Pictures decoded once: what the network will see, as one array that stays on the disk."""

from __future__ import annotations

import hashlib
import io
import json
import math
import mmap
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hubel.data.types import Finding, Sample, Source
from hubel.pictures import Preprocess, preprocess_many
from hubel.runtime.cache import cache_folder
from hubel.runtime.files import write_whole
from hubel.runtime.machine import cores

VERSION = 1
"""Part of every key: raise it when the same files give other pixels."""

_BLOCK = 16 * 2**20  # bytes of pixels decoded at a time
_TINY = 4096  # bytes of file; threads only wait for each other over pictures smaller than this


@dataclass(frozen=True, eq=False)
class Pictures:
    """Decoded pictures: `arrays` uint8 (N, H, W, C), `targets` (N,) int64, places in `classes`.

    `note` says where the pixels are, if not in the cache.
    """

    arrays: np.ndarray
    targets: np.ndarray
    names: Sequence[str]
    classes: tuple[str, ...]
    note: str = ""

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, i: int) -> Sample:
        return Sample(np.array(self.arrays[i]), int(self.targets[i]), self.names[i], int(i))

    def __getstate__(self) -> dict[str, Any]:
        """For worker processes: the name of the whole file instead of its pixels."""
        state = dict(self.__dict__)
        if isinstance(self.arrays, np.memmap) and isinstance(self.arrays.base, mmap.mmap):
            state["arrays"] = str(self.arrays.filename)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state["arrays"], str):
            state["arrays"] = np.load(state["arrays"], mmap_mode="r")
        self.__dict__.update(state)


def decode(
    source: Source,
    preprocess: Preprocess,
    *,
    canvas: tuple[int, int] | None = None,
    workers: int | None = None,
) -> tuple[Pictures, list[Finding]]:
    """All pictures of a source as `preprocess` makes them, border included, and those left out.

    With a `canvas` (height, width) they get that size instead, uncropped and without the border,
    for augmentation to cut from. C is `preprocess.channels`. Pixels are kept in the cache, under a
    key of the files' paths, sizes and times and of all that shapes a pixel; where the disk is full
    or the cache cannot be written, they stay in memory and `Pictures.note` says so. `workers` are
    threads, by default one per core where the pictures are large enough to gain from it.

    A picture that cannot be used becomes a Finding; ValueError if none can be used.
    """
    way = preprocess.canvas(canvas) if canvas else preprocess
    height, width = way.input_size
    shape = (height, width, way.channels)
    if not len(source):
        empty = np.empty((0, *shape), np.uint8)
        return Pictures(empty, source.targets, source.names, source.classes), []
    path = cache_folder() / "decoded" / f"{_key(source, way)}.npy"
    found = _load(path)
    if found is None:
        found = _store(path, source, way, shape, workers)
    arrays, errors, note = found
    findings = [Finding(source.names[i], kind, message) for i, kind, message in errors]
    if not len(arrays):
        first = findings[0]
        many = f"none of the {len(source)} pictures can be used"
        raise ValueError(f"{many}; the first: {first.name}: {first.message}")
    names, targets = source.names, source.targets
    if errors:
        bad = {i for i, _, _ in errors}
        good = [i for i in range(len(source)) if i not in bad]
        names, targets = [names[i] for i in good], targets[good]
    return Pictures(arrays, targets, names, source.classes, note), findings


Errors = list[tuple[int, str, str]]
"""Position, kind and message of each picture that was left out."""


def _key(source: Source, way: Preprocess) -> str:
    # The mean and the deviation are applied later: changing them decodes nothing anew.
    shaping = {k: v for k, v in way.to_dict().items() if k not in ("mean", "std")}
    text = json.dumps([VERSION, source.stamp, shaping], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _load(path: Path) -> tuple[np.ndarray, Errors, str] | None:
    """Pixels that were kept; the list of errors is written after them, so both are whole."""
    try:
        errors = [
            tuple(error) for error in json.loads(path.with_suffix(".json").read_text("utf-8"))
        ]
        return np.load(path, mmap_mode="r"), errors, ""
    except (OSError, ValueError):  # not there, or not readable: made anew
        return None


def _store(
    path: Path, source: Source, way: Preprocess, shape: tuple[int, ...], workers: int | None
) -> tuple[np.ndarray, Errors, str]:
    errors: Errors = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        needed = len(source) * math.prod(shape)
        if shutil.disk_usage(path.parent).free < 1.1 * needed:
            raise OSError(f"{needed / 1e9:.1f} GB are needed and not free")

        def content(file: BinaryIO) -> None:
            file.write(_header(len(source), shape))
            kept = 0
            for pixels in _blocks(source, way, workers, errors):
                file.write(pixels.data)
                kept += len(pixels)
            file.seek(0)
            file.write(_header(kept, shape))

        write_whole(path, content)
        write_whole(path.with_suffix(".json"), json.dumps(errors))
        return np.load(path, mmap_mode="r"), errors, ""
    except OSError as error:
        errors.clear()
        pixels = np.concatenate(list(_blocks(source, way, workers, errors)))
        note = f"decoded pictures stay in memory: {path.parent} cannot keep them ({error})"
        return pixels, errors, note


def _header(count: int, shape: tuple[int, ...]) -> bytes:
    """The head of a .npy file; NumPy leaves room in it, so its length is the same for any count."""
    file = io.BytesIO()
    words = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(file, words)
    return file.getvalue()


def _blocks(
    source: Source, way: Preprocess, workers: int | None, errors: Errors
) -> Iterator[np.ndarray]:
    """The pixels in order, some megabytes at a time; what fails is appended to `errors`."""
    size = max(1, min(4096, _BLOCK // math.prod((*way.input_size, way.channels))))
    starts = range(0, len(source), size)

    def work(start: int) -> tuple[np.ndarray, Errors]:
        stop = min(start + size, len(source))
        pixels, bad = preprocess_many(way, [source.read(i) for i in range(start, stop)])
        return pixels, [(start + at, error.kind, error.message) for at, error in bad.items()]

    threads = workers or (1 if _tiny(source) else cores())
    waiting: deque[Future[tuple[np.ndarray, Errors]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for start in starts:
            waiting.append(pool.submit(work, start))
            if len(waiting) > threads + 1:  # no more in memory than is being worked on
                yield _collect(waiting, errors)
        while waiting:
            yield _collect(waiting, errors)


def _collect(waiting: deque[Future[tuple[np.ndarray, Errors]]], errors: Errors) -> np.ndarray:
    pixels, bad = waiting.popleft().result()
    errors += bad
    return pixels


def _tiny(source: Source) -> bool:
    first = source.read(0)
    return isinstance(first, np.ndarray) or (isinstance(first, bytes) and len(first) < _TINY)
