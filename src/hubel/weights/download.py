"""Published weights as a file: from the cache, else fetched, and proved by hash on every use."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from hubel.runtime.cache import cache_folder
from hubel.runtime.files import sha256
from hubel.runtime.hub import fetch_from_hub, note, noted
from hubel.weights.rows import Weights

CHUNK = 1 << 20
SILENCE = 30.0
"""Seconds without a byte after which a connection counts as lost."""


def place(weights: Weights) -> Path:
    """Where the file lies once it is fetched, or was put by hand."""
    return cache_folder() / "weights" / weights.name / weights.file


def fetch(weights: Weights) -> Path:
    """The file, with the network only where it is not in the cache yet.

    Its hash is held against the digits in its published name, or against what the hub names; the
    hash it came with is noted beside it, and a file that differs later is refused. What was cut off
    goes on where it stopped. ValueError, in one sentence, where it cannot be had, with the place to
    put it by hand.
    """
    path = place(weights)
    facts = noted(path.parent)
    if not path.is_file():
        facts = _fetched(weights, path)
    elif facts is None:  # put there by hand
        _check_name(weights, path, sha256(path))
        facts = note(path.parent, {"source": weights.source}, [path.name])
    known = facts["files"].get(path.name, {}).get("sha256")
    if sha256(path) != known:
        raise ValueError(
            f"{path}: not the bytes that were fetched as {weights.name}; remove the file to fetch "
            "it again"
        )
    return path


def _fetched(weights: Weights, path: Path) -> dict[str, Any]:
    try:
        if not weights.url:
            return fetch_from_hub(weights.name, "model", path.parent, lambda x: _file(x, weights))
        _download(weights, path)
        return note(path.parent, {"source": weights.url}, [path.name])
    except ValueError as error:
        remedy = f"or get {weights.file} of {weights.source} elsewhere and put it at {path}"
        raise ValueError(f"weights {weights.name}: {error}, {remedy}") from error


def _file(api: Any, weights: Weights) -> tuple[Any, list[Any]]:
    """What the hub says of the repository, and the one file of it that is wanted."""
    info = api.model_info(weights.name, files_metadata=True)
    files = [file for file in info.siblings if file.rfilename == weights.file]
    if not files:
        raise ValueError(f"the hub's repository has no {weights.file}; try again later")
    return info, files


def _download(weights: Weights, path: Path) -> None:
    """A plain URL into the file, which takes its name when it is whole and has its hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    begun = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(weights.url, headers={"User-Agent": "hubel"})
    if begun:
        request.add_header("Range", f"bytes={begun}-")
    try:
        with urllib.request.urlopen(request, timeout=SILENCE) as answer:
            goes_on = answer.status == http.client.PARTIAL_CONTENT
            total = int(answer.headers["Content-Length"] or 0) + (begun if goes_on else 0)
            with part.open("ab" if goes_on else "wb") as file:
                while piece := answer.read1(CHUNK):
                    file.write(piece)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()  # as long as the whole, or longer: it is no beginning of it
        raise ValueError(f"cannot be fetched ({error.code} {error.reason}); try again") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise ValueError(f"cannot be fetched ({reason}); check the connection") from error
    if (size := part.stat().st_size) < total:
        raise ValueError(f"cut off after {size:,} of {total:,} bytes; try again to go on there")
    try:
        _check_name(weights, path, sha256(part))
    except ValueError:
        part.unlink()
        raise
    part.replace(path)


def _check_name(weights: Weights, path: Path, digest: str) -> None:
    """The digits of the hash that the published name carries, where it carries any."""
    if not digest.startswith(weights.sha256):
        raise ValueError(
            f"{path.name}: its sha256 begins with {digest[:8]}, not with the {weights.sha256[:8]} "
            "of its name; these are other bytes, fetch them again"
        )
