"""Files of the Hugging Face hub, by its own client, each checked against the hash the hub names.

What has been fetched is noted beside the files, last, so that the note says they are whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hubel.runtime.files import sha256, write_whole

FACTS = "hubel.json"
"""Beside fetched files: where they are from, their hashes and sizes."""

Listing = Callable[[Any], tuple[Any, list[Any]]]
"""The hub's client -> what the hub says of the repository, and which of its files are wanted."""


def fetch_from_hub(repository: str, kind: str, folder: Path, listing: Listing) -> dict[str, Any]:
    """Fetch files of a repository of that kind ("model", "dataset") into the folder.

    What is complete already is kept, what was begun goes on. ValueError, in one sentence, where
    the hub cannot be reached, does not know the repository, or gives other bytes than it named.
    """
    try:
        from huggingface_hub import HfApi, hf_hub_download
    except ImportError:
        raise ValueError("the hub's client is missing; pip install 'hubel[train]'") from None
    endpoint = os.environ.get("HF_ENDPOINT")
    try:
        info, files = listing(HfApi(endpoint=endpoint))
        for file in files:
            path = folder / file.rfilename
            if _is_promised(path, file):
                continue
            path.unlink(missing_ok=True)  # the client takes what lies there for its own
            hf_hub_download(
                repository,
                file.rfilename,
                repo_type=kind,
                revision=info.sha,
                local_dir=folder,
                endpoint=endpoint,
            )
            if not _is_promised(path, file):
                path.unlink()
                rule = "not the bytes that the hub promised; fetch it again"
                raise ValueError(f"{file.rfilename}: {rule}")
    except ValueError:
        raise
    except Exception as error:  # the client lets its transport's errors through, whatever they are
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        remedy = "check the name and the connection; what is complete is kept for the next try"
        raise ValueError(f"{repository} cannot be fetched ({reason}); {remedy}") from error
    licence = str((info.card_data or {}).get("license") or "")
    about = {"repository": repository, "revision": info.sha, "licence": licence}
    return note(folder, about, [file.rfilename for file in files])


def note(folder: Path, about: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Write down what is known of the files, with hashes and sizes, and return it."""
    files = {
        name: {"sha256": sha256(folder / name), "size": (folder / name).stat().st_size}
        for name in names
    }
    facts = {**about, "files": files}
    write_whole(folder / FACTS, json.dumps(facts, indent=1))
    return facts


def noted(folder: Path) -> dict[str, Any] | None:
    """What was written down of the files of the folder; None where nothing was."""
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and isinstance(facts.get("files"), dict) else None


def _is_promised(path: Path, file: Any) -> bool:
    """Whether the file is there with the hash that the hub names."""
    if not path.is_file():
        return False
    if file.lfs:
        return sha256(path) == file.lfs.sha256
    content = path.read_bytes()  # small, and known by git's hash
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_id
