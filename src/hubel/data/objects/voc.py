"""Pascal VOC: an XML file per picture, with 1-based boxes whose last pixel is inside.

Source: Everingham et al. 2010, The Pascal Visual Object Classes Challenge, and its development kit.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from hubel.data.layout import SPLITS, WHOLE, in_order
from hubel.data.objects.types import Scene, Scenes, Thing, gathered
from hubel.data.types import Finding
from hubel.pictures.read import SUFFIXES
from hubel.runtime.files import write_whole

LISTS = Path("ImageSets", "Main")


def is_voc(folder: Path) -> bool:
    """Whether a folder has VOC's annotations, or XML files beside its pictures."""
    annotations = folder / "Annotations"
    return annotations.is_dir() or next(folder.glob("*.xml"), None) is not None


def read_voc(folder: Path) -> Scenes:
    """The parts that ImageSets/Main lists, or else all XML files; classes in order of their names.

    ValueError where there is nothing; mistakes of single files are findings.
    """
    annotations = folder / "Annotations" if (folder / "Annotations").is_dir() else folder
    findings: list[Finding] = []
    read: dict[str, list[tuple[str, Path, tuple[int, int], list[Thing]]]] = {}
    for part, stems in _parts(folder, annotations).items():
        read[part] = []
        for stem in stems:
            found = _read_one(annotations / f"{stem}.xml", folder, findings)
            if found:
                read[part].append(found)
    things = [thing for scenes in read.values() for *_, inside in scenes for thing in inside]
    classes = in_order(thing.label for thing in things)
    if not classes:
        raise ValueError(f"{folder}: no XML file there has an object; look into {annotations}")
    parts = {
        part: [
            Scene(name, size, picture, gathered(name, size, inside, classes, findings))
            for name, picture, size, inside in scenes
        ]
        for part, scenes in read.items()
    }
    return Scenes("Pascal VOC", classes, parts, findings)


def _parts(folder: Path, annotations: Path) -> dict[str, list[str]]:
    lists = sorted((folder / LISTS).glob("*.txt"))
    parts = {}
    for file in lists:
        if file.stem.lower() in SPLITS:  # the others are for single classes, or trainval
            lines = file.read_text(encoding="utf-8").split("\n")
            parts[SPLITS[file.stem.lower()]] = [line.split()[0] for line in lines if line.split()]
    if not parts:
        parts = {WHOLE: [file.stem for file in sorted(annotations.glob("*.xml"))]}
    return parts


def _read_one(
    file: Path, folder: Path, findings: list[Finding]
) -> tuple[str, Path, tuple[int, int], list[Thing]] | None:
    """Name, picture, size and objects of an XML file; None, and a finding, where it is broken."""
    name = file.relative_to(folder).as_posix()
    try:
        text = file.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError("it declares entities, which no annotation needs")
        root = ET.fromstring(text)
        size = (_number(root, "size/height"), _number(root, "size/width"))
        things = [_thing(element) for element in root.iter("object")]
    except (OSError, ET.ParseError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        findings.append(Finding(name, "broken annotation", f"{reason}; left out"))
        return None
    picture = _picture(file, folder, root.findtext("filename"))
    if picture is None:
        message = f"there is no picture {root.findtext('filename') or file.stem}; left out"
        findings.append(Finding(name, "missing picture", message))
        return None
    return picture.relative_to(folder).as_posix(), picture, (int(size[0]), int(size[1])), things


def _thing(element: ET.Element) -> Thing:
    label = (element.findtext("name") or "").strip()
    x1, y1, x2, y2 = (_number(element, f"bndbox/{k}") for k in ("xmin", "ymin", "xmax", "ymax"))
    difficult = (element.findtext("difficult") or "0").strip() == "1"
    return Thing(label, (x1 - 1, y1 - 1, x2, y2), difficult=difficult)


def _number(element: ET.Element, path: str) -> float:
    text = element.findtext(path)
    if text is None:
        raise ValueError(f"it has no {path}")
    return float(text)


def _picture(file: Path, folder: Path, named: str | None) -> Path | None:
    """The file that the annotation names, or the one of its own name, near it."""
    for where in (folder / "JPEGImages", file.parent, folder, folder / "images"):
        if named and (where / Path(named).name).is_file():
            return where / Path(named).name
        for suffix in SUFFIXES:
            if (where / f"{file.stem}{suffix}").is_file():
                return where / f"{file.stem}{suffix}"
    return None


def write_voc(scenes: Scenes, folder: Path) -> None:
    """Write Annotations and ImageSets for pictures in that folder."""
    for part, inside in scenes.parts.items():
        stems = []
        for scene in inside:
            picture = Path(scene.name)
            stems.append(picture.stem)
            text = _written(scene, picture.name, scenes.classes)
            write_whole(folder / "Annotations" / f"{picture.stem}.xml", text)
        listed = "".join(f"{stem}\n" for stem in stems)
        write_whole(folder / LISTS / f"{'train' if part == WHOLE else part}.txt", listed)


def _written(scene: Scene, file: str, classes: Sequence[str]) -> str:
    height, width = scene.size
    lines = [
        "<annotation>",
        "\t<folder>JPEGImages</folder>",
        f"\t<filename>{escape(file)}</filename>",
        f"\t<size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
        "\t<segmented>0</segmented>",
    ]
    objects = scene.objects
    for box, label, difficult in zip(objects.boxes, objects.labels, objects.difficult):
        x1, y1, x2, y2 = (f"{value:.10g}" for value in (box[0] + 1, box[1] + 1, box[2], box[3]))
        lines += [
            "\t<object>",
            f"\t\t<name>{escape(classes[label])}</name>",
            f"\t\t<difficult>{int(difficult)}</difficult>",
            f"\t\t<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
            "</bndbox>",
            "\t</object>",
        ]
    return "\n".join([*lines, "</annotation>\n"])
