"""Data sets whose pictures have objects or class maps, told apart into training and validation."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.data.hub import place_of
from hubel.data.maps import Mapped, Maps, map_folders, open_maps, painted_maps
from hubel.data.objects import coco, parquet, shapes, yolo
from hubel.data.objects.coco import coco_files
from hubel.data.objects.open import open_objects
from hubel.data.objects.types import Objects, Scene, Scenes
from hubel.data.objects.voc import is_voc
from hubel.data.objects.yolo import yolo_file
from hubel.data.open import fingerprint, train_and_val
from hubel.data.parquet import Cell
from hubel.data.types import Data, Finding, Source, class_counts
from hubel.pictures import PictureError
from hubel.pictures.header import read_header
from hubel.runtime.machine import cores
from hubel.runtime.names import unknown

KINDS = {
    "classes": "pictures with a class each",
    "objects": "objects with boxes",
    "masks": "objects with masks",
    "maps": "class maps",
}
"""What data is told to be by looking, in words."""


@dataclass(frozen=True, eq=False)
class SceneSource(Source):
    """Pictures that are not decoded yet, with their objects or class maps. `targets` uint8 (N, K)
    say which classes each of them has.
    """

    scenes: tuple[Scene | Mapped, ...] = field(repr=False, kw_only=True)

    def take(self, indices: NDArray[Any]) -> SceneSource:
        """Only these pictures, in this order."""
        scenes = tuple(self.scenes[i] for i in indices.tolist())
        return replace(super().take(indices), scenes=scenes)

    @property
    def maps(self) -> bool:
        """Whether they are class maps."""
        return bool(self.scenes) and isinstance(self.scenes[0], Mapped)

    @property
    def masks(self) -> tuple[Path, ...]:
        """The files of the class maps."""
        truths = (scene.truth for scene in self.scenes if isinstance(scene, Mapped))
        return tuple(truth for truth in truths if isinstance(truth, Path))

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits of all objects, or of the sizes of all files of masks and what
        their values mean.
        """
        digest = hashlib.blake2b("\0".join(self.classes).encode("utf-8", "replace"), digest_size=16)
        for scene in self.scenes:
            truth = scene.truth if isinstance(scene, Mapped) else scene.objects
            if isinstance(truth, Path):
                digest.update(f"{truth.stat().st_size}\0{scene.legend}\0".encode())  # type: ignore[union-attr]
            else:
                for part in _plain(truth):
                    digest.update(part)
        return digest.hexdigest()


@dataclass(frozen=True)
class SceneData(Data):
    """A data set of scenes: `Data` whose sources are `SceneSource`s. `kind` is "objects" (boxes),
    "masks" (objects with masks) or "maps" (class maps).
    """

    kind: str = field(kw_only=True)
    train: SceneSource
    val: SceneSource


def kind_of(where: str | os.PathLike[str]) -> str:
    """What data at a path, or of a name, is by a look at its files: a key of KINDS.

    Annotations of objects come before masks in folders, and both before a folder per class.
    Objects are of the kind "masks" where the first ones have masks.
    """
    path = place_of(where)
    if os.fspath(where) in shapes.NAMES and not path.exists():
        return "masks"
    ending = path.suffix.lower() if path.is_file() else ""
    folder = path.is_dir()
    if files := coco_files(path) if folder else [path] * (ending == ".json"):
        return "masks" if coco.has_masks(files[0]) else "objects"
    if file := yolo_file(path) if folder else path if ending in (".yaml", ".yml") else None:
        return "masks" if yolo.has_masks(file) else "objects"
    if folder and is_voc(path):
        return "objects"
    if (folder or ending) and parquet.has_objects(path):
        return "masks" if parquet.has_masks(path) else "objects"
    return "maps" if map_folders(path) else "classes"


def open_scenes(
    where: str | os.PathLike[str], *, seed: int = 0, val: float = 0.2, kind: str | None = None
) -> SceneData:
    """A data set of scenes from what lies at a path, or `shapes`, which is always there.

    `kind` is what they are to be: "objects", "masks", or "maps", for which the masks of objects are
    painted into one where there are no class maps; by default what `kind_of` finds. Parts are told
    apart as by `open_data`: val (or test) as it is given, else the share `val` set aside. Mistakes
    are `findings` by name and left out. ValueError, with the remedy, for what has none of this.
    """
    if not 0 < val <= 1:
        raise ValueError(
            f"val={val}; it is the share of the pictures set aside, above 0 and up to 1"
        )
    path = place_of(where)
    kind = kind or kind_of(path)
    if kind not in KINDS:
        raise unknown("kind of data", kind, KINDS)
    if kind == "classes":
        rule = "no boxes, masks or class maps are there"
        raise ValueError(f"{where}: {rule}; it may be for hubel train --task classify")
    found = _opened(path, kind)
    findings = list(found.findings)
    files = (Path(shapes.__file__),) if found.kind == shapes.KIND else ()
    parts: dict[str, SceneSource] = {}
    for part, scenes in found.parts.items():
        parts[part] = _source(found.classes, _sound(scenes, findings), files)
    train, held, split = train_and_val(parts, where, seed, val)
    if not len(train) and val < 1:
        raise ValueError(f"{where}: no picture is left to train on; {_first(findings)}")
    findings += _missing(train, held)
    marks = [fingerprint(found.classes, train, held), train.digest, held.digest]
    return SceneData(
        name=path.resolve().name if path.is_dir() else path.stem,
        where=os.fspath(where),
        classes=found.classes,
        train=train,
        val=held,
        findings=tuple(findings),
        split=split,
        licence="",
        fingerprint=hashlib.sha256("".join(marks).encode()).hexdigest()[:32],
        test=parts.get("test"),
        kind=kind,
    )


def _opened(where: str | os.PathLike[str], kind: str) -> Scenes | Maps:
    """Objects or maps, whichever are asked for; ValueError where they are not there."""
    maps = bool(map_folders(Path(where)))
    if kind == "maps" and not maps and kind_of(where) == "classes":
        rule = "no masks beside the pictures (images/ and masks/, train/ and trainannot/), and no"
        raise ValueError(f"{where}: {rule} annotations of objects with masks; see docs/segment.md")
    if kind == "maps":
        return open_maps(where) if maps else painted_maps(open_objects(where))
    if maps and kind_of(where) == "maps":
        rule = f"these are class maps, in which objects are not told apart, not {KINDS[kind]}"
        raise ValueError(f"{where}: {rule}; train with --task segment")
    found = open_objects(where)
    objects = [scene.objects for inside in found.parts.values() for scene in inside]
    if kind == "masks" and not any(mask for each in objects for mask in each.masks):
        rule = "the objects have boxes and no masks"
        raise ValueError(f"{where}: {rule}; train with --task detect")
    return found


def _source(classes: tuple[str, ...], scenes: list[Any], files: tuple[Path, ...]) -> SceneSource:
    targets = np.zeros((len(scenes), len(classes)), np.uint8)
    for row, scene in zip(targets, scenes):
        row[list(scene.present if isinstance(scene, Mapped) else scene.objects.labels)] = 1
    pictures = [scene.picture for scene in scenes]
    files = tuple(dict.fromkeys(file for p in pictures if (file := _file(p)))) or files
    names = [scene.name for scene in scenes]
    return SceneSource(classes, names, targets, pictures, files, scenes=tuple(scenes))


def _file(picture: Any) -> Path | None:
    """What a picture is read from."""
    if isinstance(picture, Cell):
        return picture.file
    return Path(picture) if isinstance(picture, str | os.PathLike) else None


def _sound(scenes: list[Any], findings: list[Finding]) -> list[Any]:
    """The scenes whose pictures have the size that the annotations say."""

    def size(scene: Any) -> tuple[int, int]:
        try:
            return read_header(scene.picture).size
        except PictureError:  # told when it is decoded
            return scene.size

    with ThreadPoolExecutor(cores()) as pool:
        sizes = list(pool.map(size, scenes))
    for scene, (height, width) in zip(scenes, sizes):
        if scene.size != (height, width):
            h, w = scene.size
            message = f"it is {width} x {height}, its annotation says {w} x {h}; left out"
            findings.append(Finding(scene.name, "picture size", message))
    return [scene for scene, size in zip(scenes, sizes) if scene.size == size]


def _missing(train: SceneSource, val: SceneSource) -> list[Finding]:
    """Classes that are in one part only."""
    learned, asked = (class_counts(source.targets, 0) for source in (train, val))
    found = []
    for k, label in enumerate(train.classes):
        if asked[k] and not learned[k]:
            message = "is in val and not in train: it cannot be learned; add pictures of it"
            found.append(Finding(label, "missing class", message))
    return found


def _first(findings: list[Finding]) -> str:
    return f"the first finding: {findings[0].name}: {findings[0].message}" if findings else ""


def _plain(objects: Objects) -> list[bytes]:
    """All that is said of objects, as bytes."""
    parts = [objects.boxes, objects.labels, objects.crowd, objects.difficult]
    for mask in objects.masks:
        if mask is not None:
            parts += [np.array(mask.size), np.array(mask.counts, np.int64), *mask.outline]
    return [part.tobytes() for part in parts]
