"""What is kept, how much of it, and what emptying removes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hubel.runtime.cache import cache_folder, cache_room, cache_size, empty_cache


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HUBEL_CACHE_LIMIT", raising=False)
    return tmp_path / "cache"


def put(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def test_emptied_of_what_can_be_made_again_only(cache, tmp_path):
    assert cache_size() == empty_cache() == 0
    gone = [put(cache / "decoded/a.npy", 100), put(cache / "checks/b.json", 10)]
    mine = put(tmp_path / "mine.npy", 1000)
    stay = [put(cache / "hub/owner/name/train.parquet", 7), put(cache / "decoded/.c.npy.9.part", 5)]
    try:
        (cache / "decoded/link.npy").symlink_to(mine)
    except OSError:
        assert sys.platform == "win32"
    assert cache_size() == 115
    assert empty_cache() == 110
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in (*stay, mine))


def test_a_linked_folder_is_not_emptied(cache, tmp_path):
    mine = put(tmp_path / "mine/a.npy", 10)
    cache.mkdir()
    try:
        (cache / "decoded").symlink_to(mine.parent, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    assert empty_cache() == 0
    assert mine.exists()


def test_room(cache, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert cache_room() == 500
    put(cache / "decoded/a.npy", 400)
    assert cache_room() == 300  # half of the 1400 there would be
    monkeypatch.setenv("HUBEL_CACHE_LIMIT", "0")
    assert cache_room() == -400
    monkeypatch.setenv("HUBEL_CACHE_LIMIT", "1.5")
    assert cache_room() == 900
    for wrong in ("much", "-1", "nan"):
        monkeypatch.setenv("HUBEL_CACHE_LIMIT", wrong)
        with pytest.raises(ValueError, match=f"HUBEL_CACHE_LIMIT='{wrong}'; it is a number of GB"):
            cache_room()


def test_doctor_tells_and_empties(cache):
    put(cache_folder() / "decoded/a.npy", 20_000_000)
    command = [sys.executable, "-m", "hubel", "doctor"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"0.02 GB of decoded pictures in {cache}" in said
    command.append("--empty-cache")
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"0.00 GB of decoded pictures in {cache} (0.02 GB removed)" in said
    assert not list((cache / "decoded").iterdir())
