"""Decoded pictures as a file of the cache, and pictures that are decoded whenever they are asked
for.
"""

from __future__ import annotations

import io
import json
import mmap
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hubel.pictures.read import Readable
from hubel.runtime.files import write_whole

Errors = list[tuple[int, str, str]]
"""Position, kind and message of each picture that was left out."""


class Ragged(Sequence[np.ndarray]):
    """Pictures of different sizes, one after the other in `pixels`, uint8 (bytes,).

    `places` (N, 4) int64: where each begins, its height, width and channels. [i] is uint8
    (h, w, C), [indices] a list of them.
    """

    def __init__(self, pixels: np.ndarray, places: np.ndarray):
        self.pixels, self.places = pixels, places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, np.ndarray):
            return [self[int(one)] for one in i]
        start, *shape = self.places[i].tolist()
        return self.pixels[start : start + shape[0] * shape[1] * shape[2]].reshape(shape)

    def __getstate__(self) -> dict[str, Any]:
        return {"pixels": by_name(self.pixels), "places": self.places}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(opened(state["pixels"]), state["places"])  # type: ignore[misc]


class Files(Sequence[np.ndarray]):
    """Pictures that are read and decoded anew every time: [i] and [indices] as of `Ragged`."""

    def __init__(self, pictures: Sequence[Readable], way: Any):
        self.way = way
        self.pictures = pictures
        if all(isinstance(picture, Path) for picture in pictures):
            # A text is a fraction of a Path, and every worker process has all of them.
            self.pictures = [os.fspath(path) for path in pictures]  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, np.ndarray):
            return [self[int(one)] for one in i]
        return self.way(self.pictures[i])[:, :, : self.way.channels]


Arrays = np.ndarray | Ragged | Files
"""Pictures by number: one array (N, H, W, C), or single ones (h, w, C)."""


def by_name(pixels: Any) -> Any:
    """For worker processes: the name of the whole file instead of its pixels."""
    whole = isinstance(pixels, np.memmap) and isinstance(pixels.base, mmap.mmap)
    return str(pixels.filename) if whole else pixels


def opened(pixels: Any) -> Any:
    """The inverse of `by_name`."""
    return np.load(pixels, mmap_mode="r") if isinstance(pixels, str) else pixels


Blocks = Iterable[np.ndarray | list[np.ndarray]]
"""Some pictures at a time: (n, H, W, C), or a list of (h, w, C)."""


def store(path: Path, blocks: Blocks, shape: tuple[int, ...] | None, errors: Errors) -> None:
    """Write pictures of one `shape` (H, W, C), or of any: the list of errors last, so that its
    presence says that all is whole. OSError where there is no room.
    """
    places: list[tuple[int, ...]] = []

    def content(file: BinaryIO) -> None:
        file.write(_header(1, shape))
        start = count = 0
        for block in blocks:
            count += len(block)
            for pixels in [block] if isinstance(block, np.ndarray) else block:
                file.write(np.ascontiguousarray(pixels).data)
                places.append((start, *pixels.shape))
                start += pixels.size
        file.seek(0)
        file.write(_header(count if shape else start, shape))

    index = io.BytesIO()
    try:
        # Gigabytes that can be made again: the network need not wait for the disk. After a power
        # cut `load` finds the file too short; only Windows may give it its length before its bytes.
        write_whole(path, content, sync=os.name == "nt")
        if shape is None:
            np.save(index, np.array(places, np.int64).reshape(-1, 4))
            write_whole(_index(path), index.getvalue())
        write_whole(path.with_suffix(".json"), json.dumps(errors))
    except BaseException:
        path.unlink(missing_ok=True)
        _index(path).unlink(missing_ok=True)
        raise


def load(path: Path, ragged: bool) -> tuple[np.ndarray | Ragged, Errors] | None:
    """What `store` wrote; None where it is not there, or not readable."""
    try:
        words = json.loads(path.with_suffix(".json").read_text("utf-8"))
        pixels = np.load(path, mmap_mode="r")
        arrays = Ragged(pixels, np.load(_index(path))) if ragged else pixels
        return arrays, [tuple(error) for error in words]
    except (OSError, ValueError):
        return None


def _index(path: Path) -> Path:
    return path.with_suffix(".index")


def _header(count: int, shape: tuple[int, ...] | None) -> bytes:
    """The head of a .npy file; NumPy leaves room in it, so its length is the same for any count."""
    file = io.BytesIO()
    words = {"descr": "|u1", "fortran_order": False, "shape": (count, *(shape or ()))}
    np.lib.format.write_array_header_1_0(file, words)
    return file.getvalue()
