"""YOLO text: data.yaml, and for every picture a text file with a line "class cx cy w h" for each
object, in shares of the picture's sides; a line of more numbers is an outline.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hubel.data.layout import SPLITS, WHOLE
from hubel.data.objects.mask import Mask
from hubel.data.objects.types import Scene, Scenes, Thing, gathered
from hubel.data.types import Finding
from hubel.pictures import PictureError
from hubel.pictures.header import read_header
from hubel.pictures.read import list_pictures
from hubel.runtime.files import write_whole


def yolo_file(folder: Path) -> Path | None:
    """The data.yaml of a folder: a YAML file that names classes and a training part."""
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    return next((file for file in files if _is_yolo(file)), None)


def _is_yolo(file: Path) -> bool:
    keys = {
        line.partition(":")[0].strip() for line in file.read_text("utf-8", "replace").split("\n")
    }
    return "names" in keys and bool(keys & {"train", "val"})


def has_masks(file: Path) -> bool:
    """Whether one of the first texts near a data.yaml has outlines."""
    texts = itertools.islice(file.parent.rglob("labels/**/*.txt"), 50)
    lines = (line for text in texts for line in text.read_text("utf-8", "replace").split("\n"))
    return any(len(line.split()) > 5 for line in lines)


def read_yolo(file: Path) -> Scenes:
    """The parts of a data.yaml. Paths are relative to it, or to its `path`, which is relative to
    the file in turn; a `path` that does not exist here counts for nothing.
    """
    import yaml

    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: not YAML that can be read ({error})") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names)]
    if not isinstance(names, list) or not names:
        raise ValueError(f"{file}: it names no classes; add names: [...]")
    classes = tuple(str(name) for name in names)
    root = file.parent / str(content.get("path") or "")
    root = root if root.is_dir() else file.parent
    findings: list[Finding] = []
    parts = {}
    for key, part in SPLITS.items():
        if content.get(key):
            pictures = _pictures(content[key], root, file)
            parts[part] = [s for p in pictures if (s := _scene(p, root, classes, findings))]
    if not parts:
        raise ValueError(f"{file}: it names no part; add train: and val:")
    return Scenes("YOLO", classes, parts, findings)


def _pictures(named: Any, root: Path, file: Path) -> list[Path]:
    """Of a folder, of a text file with a path a line, or of several of them."""
    found: list[Path] = []
    for entry in named if isinstance(named, list) else [named]:
        text = str(entry).removeprefix("./")
        # Tools write ../train/images for what lies beside the file.
        places = [root / text, root / text.removeprefix("../")]
        place = next((place for place in places if place.exists()), None)
        if place is None:
            raise ValueError(f"{file}: {entry} is not there (looked for {places[0]})")
        if place.is_dir():
            found += list_pictures(place)
        else:
            lines = place.read_text(encoding="utf-8").split("\n")
            found += [root / line.strip() for line in lines if line.strip()]
    return found


def _labels(picture: Path) -> Path:
    """The last folder called images becomes labels, the suffix .txt."""
    folders = list(picture.with_suffix(".txt").parts)
    for i in reversed(range(len(folders) - 1)):
        if folders[i] == "images":
            folders[i] = "labels"
            break
    return Path(*folders)


def _scene(
    picture: Path, root: Path, classes: Sequence[str], findings: list[Finding]
) -> Scene | None:
    name = picture.relative_to(root).as_posix() if picture.is_relative_to(root) else picture.name
    try:
        header = read_header(picture)
    except (PictureError, OSError) as error:
        message = error.message if isinstance(error, PictureError) else error.strerror
        findings.append(Finding(name, "missing picture", f"{message}; left out"))
        return None
    size = header.size
    things = []
    text = _labels(picture)
    # A picture without a text file, or with an empty one, shows nothing that is asked for.
    lines = text.read_text(encoding="utf-8").split("\n") if text.is_file() else []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                things.append(_thing(line.split(), size, classes))
            except ValueError as error:
                message = f"line {number} of its text: {error}; left out"
                findings.append(Finding(name, "broken annotation", message))
    return Scene(name, size, picture, gathered(name, size, things, classes, findings))


def _thing(words: list[str], size: tuple[int, int], classes: Sequence[str]) -> Thing:
    height, width = size
    number, shares = int(words[0]), [float(word) for word in words[1:]]
    label = classes[number] if 0 <= number < len(classes) else f"class {number}"
    if len(shares) == 4:
        cx, cy, w, h = shares
        box = ((cx - w / 2) * width, (cy - h / 2) * height)
        return Thing(label, (*box, (cx + w / 2) * width, (cy + h / 2) * height))
    if len(shares) < 6 or len(shares) % 2:
        raise ValueError(
            f"{len(shares)} numbers after the class; a box has 4, an outline 6 or more"
        )
    points = np.array(shares).reshape(-1, 2) * (width, height)
    mask = Mask(size, outline=(np.round(points, 6),))
    return Thing(label, mask.box(), mask)


def write_yolo(scenes: Scenes, folder: Path) -> None:
    """Write labels/ and data.yaml for pictures in that folder, below images/."""
    import yaml

    named = {WHOLE: "train"}
    for inside in scenes.parts.values():
        for scene in inside:
            write_whole(_labels(folder / scene.name), _written(scene))
    parts = {named.get(part, part): f"images/{named.get(part, part)}" for part in scenes.parts}
    content = {**parts, "names": dict(enumerate(scenes.classes))}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_whole(folder / "data.yaml", text)


def _written(scene: Scene) -> str:
    """A line for each object: ten digits after the point are a millionth of any pixel."""
    height, width = scene.size
    lines = []
    for box, label, mask in zip(scene.objects.boxes, scene.objects.labels, scene.objects.masks):
        x1, y1, x2, y2 = box / (width, height, width, height)
        numbers = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
        if mask is not None and len(mask.outline) == 1:
            numbers = (mask.outline[0] / (width, height)).reshape(-1).tolist()
        lines.append(" ".join([str(label), *(f"{value:.12f}" for value in numbers)]) + "\n")
    return "".join(lines)
