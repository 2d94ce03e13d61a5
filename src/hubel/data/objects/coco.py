"""COCO: one JSON file for a part, with boxes x y w h, outlines, run lengths and crowds.

Source: Lin et al. 2014 (arXiv 1405.0312) and the data format page of the COCO data set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hubel.data.layout import SPLITS, WHOLE
from hubel.data.objects.mask import Mask
from hubel.data.objects.types import Scene, Scenes, Thing, gathered
from hubel.data.types import Finding
from hubel.runtime.decode.masks import packed, unpacked
from hubel.runtime.files import write_whole

KEYS = {"images", "annotations", "categories"}
MASK = re.compile(rb'"segmentation"\s*:\s*[\[{]\s*[\["]')


def coco_files(folder: Path) -> list[Path]:
    """The COCO files of a folder or of its folder `annotations`."""
    found = [file for where in (folder, folder / "annotations") for file in where.glob("*.json")]
    return [file for file in sorted(found) if _is_coco(file)]


def _is_coco(file: Path) -> bool:
    """Whether its first objects are COCO's; the whole file may be large."""
    with file.open("rb") as opened:
        start = opened.read(1 << 16)
    return any(f'"{key}"'.encode() in start for key in KEYS) and start.lstrip()[:1] == b"{"


def has_masks(file: Path) -> bool:
    """Whether any object of a COCO file has outlines or run lengths, by a look at its text."""
    rest = b""
    with file.open("rb") as opened:
        while block := opened.read(1 << 22):
            if MASK.search(rest + block):
                return True
            rest = block[-64:]
    return False


def read_coco(files: Sequence[Path]) -> Scenes:
    """One file, or one for each part, told apart by their names (instances_train.json).

    Category numbers may have gaps: classes come in their order. Pictures are looked for beside the
    file, in the folder above it, and in folders there called after the part.
    """
    findings: list[Finding] = []
    contents = {file: _loaded(file) for file in files}
    categories = {int(c["id"]): str(c["name"]) for x in contents.values() for c in x["categories"]}
    ids = sorted(categories)
    classes = tuple(categories[i] for i in ids)
    if len(set(classes)) < len(classes):
        raise ValueError(f"{files[0]}: two categories have one name among {', '.join(classes)}")
    parts: dict[str, list[Scene]] = {}
    for file, content in contents.items():
        part = _part(file) if len(files) > 1 else WHOLE
        if part in parts:
            raise ValueError(f"{file}: a second file for the part {part}; keep one, or rename it")
        parts[part] = _scenes(file, content, categories, classes, findings)
    gapped = ids != list(range(len(ids)))
    return Scenes("COCO", classes, parts, findings, tuple(ids) if gapped else ())


def _loaded(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValueError(f"{file}: not JSON that can be read ({error})") from error
    if not isinstance(content, dict) or not content.keys() >= KEYS:
        missing = ", ".join(sorted(KEYS - set(content if isinstance(content, dict) else ())))
        raise ValueError(f"{file}: not a COCO file; it lacks {missing}")
    return content


def _part(file: Path) -> str:
    words = "".join(c if c.isalpha() else " " for c in file.stem.lower()).split()
    named = [SPLITS[word] for word in words if word in SPLITS]
    if len(set(named)) != 1:
        known = "train, val or test"
        raise ValueError(f"{file}: its name does not say which part it is; put {known} into it")
    return named[0]


def _scenes(
    file: Path,
    content: Mapping[str, Any],
    categories: Mapping[int, str],
    classes: Sequence[str],
    findings: list[Finding],
) -> list[Scene]:
    of_picture: dict[int, list[Mapping[str, Any]]] = {}
    for annotation in content["annotations"]:
        of_picture.setdefault(annotation["image_id"], []).append(annotation)
    folder = _folder(file, [str(image["file_name"]) for image in content["images"]])
    scenes = []
    for image in content["images"]:
        name, size = str(image["file_name"]), (int(image["height"]), int(image["width"]))
        picture = folder / name
        if not picture.is_file():
            message = f"there is no such file in {folder}; left out"
            findings.append(Finding(name, "missing picture", message))
            continue
        things = []
        for annotation in of_picture.pop(image["id"], ()):
            try:
                things.append(thing(annotation, size, categories))
            except (KeyError, TypeError, ValueError) as error:
                message = f"annotation {annotation.get('id')}: {error}; left out"
                findings.append(Finding(name, "broken annotation", message))
        objects = gathered(name, size, things, classes, findings)
        scenes.append(Scene(name, size, picture, objects))
    for number, lost in of_picture.items():
        message = f"{len(lost)} annotations for a picture {number} that is not listed; left out"
        findings.append(Finding(file.name, "missing picture", message))
    return scenes


def _folder(file: Path, names: Sequence[str]) -> Path:
    """Where the pictures lie: the first place that has the first picture that can be found."""
    part = next(
        (word for word in file.stem.split("_") if word.lower().strip("0123456789") in SPLITS), ""
    )
    near = [file.parent, file.parent.parent]
    places = [*near, *(p / inner for p in near for inner in (part, "images", f"images/{part}"))]
    for name in names[:20]:
        for place in places:
            if (place / name).is_file():
                return place
    if not names:
        return file.parent
    looked = ", ".join(dict.fromkeys(str(place) for place in places))
    raise ValueError(f"{file}: its pictures ({names[0]}, ...) are not there; looked into {looked}")


def thing(
    annotation: Mapping[str, Any], size: tuple[int, int], categories: Mapping[Any, str]
) -> Thing:
    """An object as an annotation says it; ValueError or TypeError for a broken one."""
    number = annotation["category_id"]
    mask = _mask(annotation.get("segmentation"), size)
    if annotation.get("bbox"):
        x, y, w, h = (float(value) for value in annotation["bbox"])
        box = (x, y, x + w, y + h)
    elif mask is not None:
        box = mask.box()
    else:
        raise ValueError("neither bbox nor segmentation")
    label = categories.get(number, f"category {number}")
    return Thing(label, box, mask, crowd=bool(annotation.get("iscrowd", 0)))


def _mask(segmentation: Any, size: tuple[int, int]) -> Mask | None:
    if not segmentation:
        return None
    if isinstance(segmentation, Mapping):
        h, w = (int(side) for side in segmentation["size"])
        counts = segmentation["counts"]
        runs = unpacked(counts) if isinstance(counts, str) else tuple(int(c) for c in counts)
        if sum(runs) != h * w:
            raise ValueError(f"its run lengths make {sum(runs)} pixels of {h * w}")
        return Mask((h, w), counts=runs)
    polygons = [np.asarray(polygon, np.float64).reshape(-1, 2) for polygon in segmentation]
    if any(len(polygon) < 3 for polygon in polygons):
        raise ValueError("a polygon of fewer than three points")
    return Mask(size, outline=tuple(polygons))


def write_coco(scenes: Scenes, folder: Path) -> None:
    """Write annotations/instances_<part>.json for pictures in that folder."""
    ids = scenes.ids or tuple(range(len(scenes.classes)))
    categories = [{"id": i, "name": name} for i, name in zip(ids, scenes.classes)]
    for part, inside in scenes.parts.items():
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number, scene in enumerate(inside, 1):
            height, width = scene.size
            named = {"file_name": scene.name, "height": height, "width": width}
            images.append({"id": number, **named})
            for k, label in enumerate(scene.objects.labels.tolist()):
                entry = {"id": len(annotations) + 1, "image_id": number, "category_id": ids[label]}
                annotations.append({**entry, **written(scene, k)})
        content = {"images": images, "annotations": annotations, "categories": categories}
        file = folder / "annotations" / f"instances_{'train' if part == WHOLE else part}.json"
        write_whole(file, json.dumps(content, ensure_ascii=False) + "\n")


def written(scene: Scene, k: int) -> dict[str, Any]:
    """What an annotation says of object k of a scene, but for its class."""
    objects = scene.objects
    x1, y1, x2, y2 = objects.boxes[k].tolist()
    mask = objects.masks[k]
    segmentation: dict[str, Any] = {}
    area = (x2 - x1) * (y2 - y1)
    if mask is not None:
        area = float(mask.array().sum())
        if mask.outline:
            segmentation = {"segmentation": [p.reshape(-1).tolist() for p in mask.outline]}
        else:
            text = packed(mask.counts)
            segmentation = {"segmentation": {"size": list(mask.size), "counts": text}}
    box = [round(value, 6) for value in (x1, y1, x2 - x1, y2 - y1)]
    return {
        "bbox": box,
        "area": round(area, 6),
        "iscrowd": int(objects.crowd[k]),
        **segmentation,
    }
