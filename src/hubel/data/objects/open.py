"""Which format a data set of objects has, told by looking; and writing one in another."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hubel.data.hub import place_of
from hubel.data.layout import WHOLE
from hubel.data.objects.coco import coco_files, read_coco, write_coco
from hubel.data.objects.parquet import has_objects, read_parquet, write_parquet
from hubel.data.objects.shapes import NAMES, read_shapes
from hubel.data.objects.types import Scene, Scenes
from hubel.data.objects.voc import is_voc, read_voc, write_voc
from hubel.data.objects.yolo import read_yolo, write_yolo, yolo_file
from hubel.pictures.header import read_header
from hubel.pictures.read import SUFFIXES
from hubel.runtime.names import unknown

FORMATS: dict[str, tuple[Callable[[Scenes, Path], None], str]] = {
    "voc": (write_voc, "JPEGImages"),
    "coco": (write_coco, "images/{part}"),
    "yolo": (write_yolo, "images/{part}"),
    "parquet": (write_parquet, ""),
}
"""What can be written -> the writer, and the folder of its pictures where they are files beside."""


def open_objects(where: str | os.PathLike[str]) -> Scenes:
    """Pictures with objects from a folder or an annotation file.

    Pascal VOC (Annotations/, or XML files beside pictures), COCO (a .json, or one for each part),
    YOLO (a data.yaml), parquet with a column of objects, or a name: `shapes`, generated scenes, and
    `shape`, with one shape each; others as for `open_data`. Paths in the files are relative to
    them. Mistakes in annotations are `findings` by name and left out; nothing is rewritten.
    ValueError for what is none of these.
    """
    path = place_of(where)
    if (most := NAMES.get(os.fspath(where))) and not path.exists():
        return read_shapes(most=most)
    if path.is_file():
        if path.suffix.lower() == ".json":
            return read_coco([path])
        if path.suffix.lower() in (".yaml", ".yml"):
            return read_yolo(path)
    elif path.is_dir():
        if files := coco_files(path):
            return read_coco(files)
        if file := yolo_file(path):
            return read_yolo(file)
        if is_voc(path):
            return read_voc(path)
    else:
        raise ValueError(f"{path}: there is no such file or folder")
    if has_objects(path):
        return read_parquet(path)
    raise ValueError(
        f"{path}: no annotations of objects; neither Pascal VOC (Annotations/*.xml) nor COCO "
        "(*.json) nor YOLO (data.yaml) nor parquet with a column of objects"
    )


def write_objects(scenes: Scenes, folder: str | os.PathLike[str], kind: str) -> list[str]:
    """Write pictures (copied as they are) and annotations into a new folder as voc, coco, yolo or
    parquet.

    Gives what the format cannot say, in words. ValueError for an unknown format and for a folder
    that has something in it.
    """
    if kind not in FORMATS:
        raise unknown("format", kind, FORMATS)
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder; name a new one")
    write, pictures = FORMATS[kind]
    write(_copied(scenes, folder, pictures) if pictures else scenes, folder)
    return lost(scenes, kind)


def _copied(scenes: Scenes, folder: Path, pictures: str) -> Scenes:
    """The scenes with their pictures in a folder of this one, named by their paths there."""
    parts: dict[str, list[Scene]] = {}
    taken: set[Path] = set()
    for part, inside in scenes.parts.items():
        place = folder / pictures.format(part="train" if part == WHOLE else part)
        place.mkdir(parents=True, exist_ok=True)
        parts[part] = []
        for scene in inside:
            stem, suffix = Path(scene.name).stem, Path(scene.name).suffix
            if suffix.lower() not in SUFFIXES:  # a row that has no path
                stem, suffix = (
                    Path(scene.name).name,
                    f".{read_header(scene.picture).format.lower()}",
                )
            target, number = place / f"{stem}{suffix}", 1
            while target.with_suffix("") in taken:  # a.jpg and a.png would share their text
                number += 1
                target = place / f"{stem}-{number}{suffix}"
            taken.add(target.with_suffix(""))
            target.write_bytes(scene.file())
            name = target.relative_to(folder).as_posix()
            parts[part].append(replace(scene, name=name, picture=target))
    return replace(scenes, parts=parts)


def lost(scenes: Scenes, kind: str) -> list[str]:
    """What a format has no place for, among what is there."""
    inside = [scene.objects for part in scenes.parts.values() for scene in part]
    masks = [mask for objects in inside for mask in objects.masks if mask is not None]
    counted = {
        "the mark of {} difficult objects": sum(int(o.difficult.sum()) for o in inside),
        "the mark of {} crowds": sum(int(o.crowd.sum()) for o in inside),
        "{} masks": len(masks),
        "{} masks of run lengths or several outlines": sum(len(m.outline) != 1 for m in masks),
    }
    difficult, crowds, every, some = counted
    missing = {"voc": (crowds, every), "coco": (difficult,), "yolo": (difficult, crowds, some)}
    return [text.format(counted[text]) for text in missing.get(kind, ()) if counted[text]]
