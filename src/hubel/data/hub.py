"""Data sets by name: in the folder HUBEL_DATA, in the cache, or fetched from the Hugging Face hub.

The network is used only where `download` was asked for.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from hubel.data.layout import SPLITS
from hubel.runtime.cache import cache_folder
from hubel.runtime.hub import fetch_from_hub, noted
from hubel.runtime.names import unknown

NAMES = {
    "mnist": "ylecun/mnist",
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
}
"""Short names -> the hub's."""

_CONVERTED = "refs/convert/parquet"  # where the hub keeps the parquet it makes of other formats


def place_of(where: str | os.PathLike[str], download: bool = False) -> Path:
    """The path itself where it exists, or the folder of the data set of that name; as given where
    it is neither. ValueError for a name of the hub whose data are not here, unless `download`.
    """
    path, name = Path(where), os.fspath(where)
    if path.exists():
        return path
    shared = Path(os.environ.get("HUBEL_DATA") or path, name)
    known = name in NAMES or _is_hub_name(name) or shared.is_dir()
    return find(name, download)[0] if known else path


def find(name: str, download: bool) -> tuple[Path, str]:
    """The folder with the data set of that name, and its licence where that is known.

    ValueError for an unknown name, and for one that is not here while `download` is False.
    """
    repository = NAMES.get(name, name)
    short = next((word for word, long in NAMES.items() if long == repository), name)
    if shared := os.environ.get("HUBEL_DATA"):
        for word in (short, repository):
            if (Path(shared) / word).is_dir():
                return Path(shared) / word, ""
    if name not in NAMES and not _is_hub_name(name):
        raise _no_such_path(name)
    folder = cache_folder() / "hub" / repository
    facts = _whole(folder)
    if not facts:
        if not download:
            remedy = f"add --download to fetch it from the hub ({repository}), or give a folder"
            raise ValueError(f"the data set {name} is not on this machine; {remedy}")
        facts = fetch_from_hub(repository, "dataset", folder, lambda api: _listing(api, repository))
    return folder, facts["licence"]


def _is_hub_name(name: str) -> bool:
    """owner/name, unless `owner` is a folder here: then it is a path."""
    return bool(re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name)) and not Path(name).parent.is_dir()


def _no_such_path(name: str) -> ValueError:
    """An error with the names that are near the first part of the path that does not exist."""
    path = Path(name)
    for parent in reversed(path.parents):
        lower = path.parts[len(parent.parts)]
        if parent.is_dir() and not (parent / lower).exists():
            beside = [other.name for other in parent.iterdir() if not other.name.startswith(".")]
            if parent == Path() and path.parts == (lower,):
                return unknown("data set", name, [*beside, *NAMES, "digits"])
            near = difflib.get_close_matches(lower, beside, n=3)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "check the path"
            return ValueError(f"{name}: there is no {lower!r} in {parent.resolve()}; {hint}")
    return ValueError(f"{name}: does not exist or may not be read; check the path")


def _whole(folder: Path) -> dict[str, Any] | None:
    """The facts of a data set that was fetched to the end and is still there."""
    facts = noted(folder)
    try:
        sizes = {name: (folder / name).stat().st_size for name in facts["files"]} if facts else {}
    except OSError:
        return None
    return facts if facts and all(facts["files"][n]["size"] == sizes[n] for n in sizes) else None


def _listing(api: Any, repository: str) -> tuple[Any, list[Any]]:
    """What the hub says of the data set, and its parquet files."""
    info = api.dataset_info(repository, files_metadata=True)
    files = [file for file in info.siblings if file.rfilename.endswith(".parquet")]
    if not files:
        info = api.dataset_info(repository, revision=_CONVERTED, files_metadata=True)
        files = [file for file in info.siblings if file.rfilename.endswith(".parquet")]
    if not files:
        raise ValueError(f"{repository}: the hub has no parquet files of it; fetch it by hand")
    tops = {PurePosixPath(file.rfilename).parts[0] for file in files if "/" in file.rfilename}
    sets = tops - SPLITS.keys()
    if len(sets) > 1:
        rule = "fetch one of them by hand and give its folder"
        raise ValueError(
            f"{repository}: several data sets in one ({', '.join(sorted(sets))}); {rule}"
        )
    for file in files:
        if ".." in PurePosixPath(file.rfilename).parts or file.rfilename.startswith("/"):
            raise ValueError(
                f"{repository}: the file name {file.rfilename!r} leads elsewhere; refused"
            )
    return info, files
