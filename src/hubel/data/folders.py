"""A folder per class, with or without folders for the parts: cats/1.jpg, train/cats/1.jpg."""

from __future__ import annotations

from pathlib import Path

from hubel.data.layout import SPLITS, WHOLE, Layout, Part
from hubel.pictures import list_pictures

EXAMPLE = "make one folder per class (cats/1.jpg, dogs/2.jpg)"


def read_folders(root: Path) -> Layout:
    """The pictures of each class, nested ones included; class folders without any do not count.

    ValueError where there are no pictures, or no folders that say what they show.
    """
    inner = _subfolders(root)
    parts: dict[str, Part] = {}
    for folder in inner:
        name = SPLITS.get(folder.name.lower())
        if name in parts:
            raise ValueError(f"{root}: two folders hold the {name} pictures; keep one of them")
        if name:
            parts[name] = _classes(folder, root)
    if "train" not in parts:  # a class may be called "test"
        whole = _classes(root, root)
        if len(set(whole.labels)) == 1 and len(inner) == 1 and _subfolders(inner[0]):
            return read_folders(inner[0])  # an archive's own folder around everything
        parts = {WHOLE: whole}
    return Layout("a folder per class", parts)


def _classes(folder: Path, root: Path) -> Part:
    part = Part()
    for inner in _subfolders(folder):
        found = list_pictures(inner)
        part.files += found
        part.labels += [inner.name] * len(found)
    part.pictures = part.files
    part.names = [file.relative_to(root).as_posix() for file in part.files]
    if part.files:
        return part
    loose = list_pictures(folder)
    if loose:
        example = loose[0].name
        raise ValueError(f"{folder}: pictures ({example}, ...) but no classes; {EXAMPLE}")
    what = "no pictures in its folders" if _subfolders(folder) else "an empty folder"
    if not _subfolders(folder) and any(folder.iterdir()):
        what = "no pictures"
    raise ValueError(f"{folder}: {what}; {EXAMPLE}")


def _subfolders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
