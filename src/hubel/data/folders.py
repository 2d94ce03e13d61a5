"""A folder per class, with or without folders for the parts: cats/1.jpg, train/cats/1.jpg."""

from __future__ import annotations

from pathlib import Path

from hubel.data.layout import SPLITS, WHOLE, Layout, Part, subfolders
from hubel.data.types import Finding
from hubel.pictures.read import SUFFIXES, list_pictures

EXAMPLE = "make one folder per class (cats/1.jpg, dogs/2.jpg)"


def read_folders(root: Path) -> Layout:
    """The pictures of each class, nested ones included; class folders without any do not count.

    ValueError where there are no pictures, or no folders that say what they show.
    """
    inner = subfolders(root)
    splits = [folder for folder in inner if folder.name.lower() in SPLITS]
    if splits and _are_parts(splits, inner):
        parts: dict[str, Part] = {}
        findings: list[Finding] = []
        for folder in splits:
            name = SPLITS[folder.name.lower()]
            if name in parts:
                raise ValueError(f"{root}: two folders hold the {name} pictures; keep one of them")
            parts[name] = _classes(folder, root, findings)
        return Layout("a folder per class", parts, findings=findings)
    findings = []
    whole = _classes(root, root, findings)
    if len(inner) == 1 and subfolders(inner[0]):
        return read_folders(inner[0])  # an archive's own folder around everything
    return Layout("a folder per class", {WHOLE: whole}, findings=findings)


def _are_parts(splits: list[Path], inner: list[Path]) -> bool:
    """Whether folders called train, val or test hold the parts; a train is a vehicle, too."""
    names = {SPLITS[folder.name.lower()] for folder in splits}
    if "train" not in names:
        return len(splits) == len(inner)
    train = next(folder for folder in splits if SPLITS[folder.name.lower()] == "train")
    return len(names) > 1 or len(inner) == 1 or bool(subfolders(train))


def _classes(folder: Path, root: Path, findings: list[Finding]) -> Part:
    """The pictures of a folder's class folders; those beside the folders become findings."""
    part = Part()
    for inner in subfolders(folder):
        found = list_pictures(inner)
        part.files += found
        part.labels += [inner.name] * len(found)
    part.pictures = part.files
    part.names = [file.relative_to(root).as_posix() for file in part.files]
    loose = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if part.files:
        message = "lies beside the class folders; move it into one of them"
        names = (file.relative_to(root).as_posix() for file in loose)
        findings += [Finding(name, "no class", message) for name in names]
        return part
    if loose:
        example = loose[0].name
        raise ValueError(f"{folder}: pictures ({example}, ...) but no classes; {EXAMPLE}")
    what = "no pictures in its folders" if subfolders(folder) else "an empty folder"
    if not subfolders(folder) and any(folder.iterdir()):
        what = "no pictures"
    raise ValueError(f"{folder}: {what}; {EXAMPLE}")
