"""A file is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hubel.runtime.files import ABANDONED, sha256, write_whole


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


@pytest.mark.parametrize("content", [b"bytes", "Text: ä", lambda file: file.write(b"written")])
def test_content_of_any_kind(tmp_path, content):
    path = write_whole(tmp_path / "new" / "folder" / "file", content)
    expected = b"written" if callable(content) else content
    assert path.read_bytes() == (expected.encode() if isinstance(expected, str) else expected)
    assert names(path.parent) == ["file"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_whole(tmp_path / "file", b"old")

    def fail(file):
        file.write(b"half")
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_whole(path, fail)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits there")
def test_a_full_disk(tmp_path):
    import resource

    path = write_whole(tmp_path / "file", b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_whole(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_killed_in_the_middle(tmp_path):
    """The old content stays; what the killed process left goes with a later write."""
    path = write_whole(tmp_path / "file", b"old")
    code = (
        "import os, signal, sys; from hubel.runtime.files import write_whole\n"
        "def die(file): file.write(b'half'); file.flush(); os._exit(9)\n"
        "write_whole(sys.argv[1], die)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    assert path.read_bytes() == b"old"
    (left,) = tmp_path.glob(".file.*.part")
    write_whole(path, b"new")
    assert left.exists()  # it might be a process at work
    before = time.time() - ABANDONED - 1
    os.utime(left, (before, before))
    write_whole(path, b"newer")
    assert path.read_bytes() == b"newer"
    assert names(tmp_path) == ["file"]


def test_sha256(tmp_path):
    content = os.urandom(3_000_000)
    path = write_whole(tmp_path / "file", content)
    assert sha256(path) == hashlib.sha256(content).hexdigest()
