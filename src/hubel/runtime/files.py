"""Files that are there whole or not at all, and the hash that tells whether they are the same."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

ABANDONED = 600.0
"""Seconds without a write after which a temporary file was left by a process that was killed."""


def write_whole(
    path: str | os.PathLike[str],
    content: bytes | str | Callable[[BinaryIO], object],
    *,
    sync: bool = True,
) -> Path:
    """Write a file so that a reader, or a crash at any moment, sees the old content or the new.

    `content` is bytes, a text (stored as UTF-8), or a function that writes to the open binary
    file it is given. The bytes go to a temporary file beside the target, are synced, and take its
    name in one step. A failure (a full disk, an exception of the function) leaves the old file as
    it was and nothing beside it; what a killed process left there goes with a later write.
    Without `sync` the system writes in its own time: a power cut may leave the file short, which
    whoever reads it must notice.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    # The name carries the process: two that write the same file do not share a half of it.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)
    return path


def _sweep(path: Path) -> None:
    """Remove the temporary files that killed processes left beside `path`."""
    start, end = f".{path.name}.", ".part"
    for part in path.parent.iterdir():
        if part.name.startswith(start) and part.name.endswith(end):
            with contextlib.suppress(OSError):  # another process may be quicker
                if time.time() - part.stat().st_mtime > ABANDONED:
                    part.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, 64 hexadecimal digits, as `sha256sum` prints it."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
