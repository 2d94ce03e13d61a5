"""Where Hubel keeps what it can make again: never among the user's own files."""

from __future__ import annotations

import os
import sys
from pathlib import Path


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
