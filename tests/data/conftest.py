"""A cache of the tests' own, and small pictures in any layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HUBEL_CACHE", str(folder))
    return folder


def picture(number: int, size: tuple[int, int] = (9, 12)) -> np.ndarray:
    """A picture of its own for every number, uint8 (*size, 3)."""
    return np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture
def fill(tmp_path) -> Callable[[Sequence[str]], Path]:
    """Write pictures of those names below a folder."""

    def write(names: Sequence[str], root: Path = tmp_path / "pets") -> Path:
        for number, name in enumerate(names):
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture(number)).save(file)
        return root

    return write
