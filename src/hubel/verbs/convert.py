"""convert: pictures with objects from one format into another."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubel.data import Finding
from hubel.data.hub import place_of
from hubel.data.objects import open_objects, write_objects
from hubel.data.objects.around import around as cut_around


@dataclass(frozen=True)
class Converted:
    """What was written where, what the format has no place for, and what was left out."""

    folder: Path
    read_as: str
    classes: tuple[str, ...]
    pictures: int
    objects: int
    lost: tuple[str, ...]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        from dataclasses import asdict

        return asdict(self) | {"folder": str(self.folder)}


def convert(
    data: str | os.PathLike[str],
    to: str,
    folder: str | os.PathLike[str],
    *,
    around: str | None = None,
    times: int = 1,
    download: bool = False,
) -> Converted:
    """Write a data set of objects into a new folder as "voc", "coco", "yolo" or "parquet".

    Pictures are copied byte for byte, boxes keep every digit. What the format cannot say and what
    was wrong in the annotations is told. With `around`, the name of a class, the pictures are cut
    around each of its objects, `times` with other margins, and have that one object only.
    `download` allows fetching data that are named as on the hub. ValueError for an unknown format,
    a folder that is not empty, and what is no data set of objects.
    """
    scenes = open_objects(place_of(data, download))
    if around is not None:
        scenes = cut_around(scenes, around, times=times)
    missing = write_objects(scenes, folder, to)
    inside = [scene for part in scenes.parts.values() for scene in part]
    return Converted(
        Path(folder),
        scenes.kind,
        scenes.classes,
        len(inside),
        sum(len(scene.objects) for scene in inside),
        tuple(missing),
        tuple(scenes.findings),
    )
