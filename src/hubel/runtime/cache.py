"""Where Hubel keeps what it can make again: never among the user's own files. No torch."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hubel.runtime.files import ABANDONED

MADE = ("decoded", "checks", "compiled")
"""Folders of the cache whose files are made again when they are missed. What was fetched (data
sets, weights) is not among them: without a network it would be lost.
"""


def cache_folder() -> Path:
    """HUBEL_CACHE, or `hubel` in the folder that the system has for caches."""
    if own := os.environ.get("HUBEL_CACHE"):
        return Path(own).absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hubel"


def cache_size() -> int:
    """Bytes in what was made; fetched files do not count."""
    return sum(size for _, size, _ in _made())


def cache_room() -> int:
    """Bytes that may still be written.

    HUBEL_CACHE_LIMIT in GB bounds the whole (0: nothing is kept); by default it is half of what the
    disk would have free without it. OSError where the folder cannot be made.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    free, size = shutil.disk_usage(folder).free, cache_size()
    limit = os.environ.get("HUBEL_CACHE_LIMIT", "")
    if not limit:
        return (free + size) // 2 - size
    try:
        allowed = float(limit) * 1e9
    except ValueError:
        allowed = -1.0
    if not allowed >= 0:
        raise ValueError(f"HUBEL_CACHE_LIMIT={limit!r}; it is a number of GB, 0 or more")
    return min(int(allowed) - size, int(0.9 * free))


def empty_cache() -> int:
    """Remove what was made and is not being written just now; the bytes that came free."""
    freed = 0
    for path, size, written in _made():
        if path.suffix == ".part" and time.time() - written < ABANDONED:
            continue
        with contextlib.suppress(OSError):  # Windows keeps a file that a training has open
            path.unlink()
            freed += size
    return freed


def _made() -> Iterator[tuple[Path, int, float]]:
    """Path, bytes and time of writing of each file; links are left alone."""
    for name in MADE:
        folder = cache_folder() / name
        if folder.is_symlink() or not folder.is_dir():
            continue
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):  # it went meanwhile
                facts = path.lstat()
                if path.is_file() and not path.is_symlink():
                    yield path, facts.st_size, facts.st_mtime
