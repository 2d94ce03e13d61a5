"""Class maps: pictures with a mask each, whose pixels say the class. Folders of masks in the usual
layouts, grey, palette or coloured, and the masks of objects painted into one.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hubel.data.layout import SPLITS, WHOLE, subfolders
from hubel.data.legends import IGNORED, Legend, legend_of, legend_of_values
from hubel.data.objects.types import Objects, Scenes
from hubel.data.types import Finding
from hubel.pictures.header import read_header
from hubel.pictures.read import PictureError, Readable, list_pictures, open_image, quiet
from hubel.runtime.machine import cores

IMAGES = ("images", "image", "imgs", "img", "jpegimages", "pictures", "photos")
MASKS = (
    *("masks", "mask", "labels", "label", "annotations", "annotation", "annots", "annot"),
    *("segmentationclass", "segmentation", "segmentations", "gt"),
)
BESIDE = ("annot", "annotations", "annots", "masks", "mask", "labels", "label", "gt")
"""What stands after a part's name in the name of its folder of masks: trainannot, train_masks."""

VOC_LISTS = Path("ImageSets", "Segmentation")

_ENDING = re.compile(rf"[_-]({'|'.join(BESIDE)}|seg|segmentation|l)$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Mapped:
    """A picture, not decoded yet, of `size` (height, width), with its class map.

    `truth` is the file of the mask, or the objects to paint. `present` are its classes.
    """

    name: str
    size: tuple[int, int]
    picture: Readable = field(repr=False)
    truth: Path | Objects = field(repr=False)
    legend: Legend = field(repr=False)
    present: tuple[int, ...] = ()

    def map(self) -> NDArray[np.uint8]:
        """(H, W): class numbers, IGNORED where none counts. PictureError for a broken file."""
        if isinstance(self.truth, Objects):
            return painted(self.truth, self.size)
        return self.legend.classed(read_values(self.truth, self.legend.coloured))


@dataclass
class Maps:
    """A data set of class maps as it lies there: parts by name, as in `Layout`."""

    kind: str
    classes: tuple[str, ...]
    parts: dict[str, list[Mapped]]
    findings: list[Finding] = field(default_factory=list)


def open_maps(where: str | os.PathLike[str]) -> Maps:
    """Pictures with masks from a folder.

    images/ and masks/, with or without folders for the parts in them or around them; train/ with
    trainannot/ or train_masks/ beside it; Pascal VOC's SegmentationClass/. A mask has the name of
    its picture, or that with _mask and the like after it. Its pixels are values (grey or palette)
    or colours; classes.txt or any usual list of them beside the folders says which classes these
    are. 255 is ignored, and so are classes called void or unlabelled. Mistakes are `findings` by
    name and left out. ValueError for what holds no masks.
    """
    root = Path(where)
    places = map_folders(root)
    if not places:
        raise ValueError(
            f"{root}: no masks; put pictures into images/ and masks (PNG) of the same names into "
            "masks/, or train/images, train/masks and so on"
        )
    findings: list[Finding] = []
    pairs: dict[str, list[tuple[Path, Path]]] = {}
    for part, (pictures, masks) in places.items():
        for name, pair in _listed(root, part, _paired(root, pictures, masks, findings)):
            pairs.setdefault(name, []).append(pair)
    every = [pair for inside in pairs.values() for pair in inside]
    if not every:
        raise ValueError(f"{root}: no picture has a mask of its name; see {len(findings)} pictures")
    top = root if _pair(root) or len(places) > 1 else next(iter(places.values()))[0].parent
    legend = legend_of([root, top, top.parent], [picture.name for picture, _ in every[:20]])
    looks = dict(zip(every, _surveyed(every, legend is not None and legend.coloured)))
    if legend is None:
        seen = (look[2] for look in looks.values() if not isinstance(look, PictureError))
        legend = legend_of_values(frozenset().union(*seen), root)
    parts: dict[str, list[Mapped]] = {}
    for part, inside in pairs.items():
        parts[part] = []
        for picture, mask in inside:
            name, look = picture.relative_to(root).as_posix(), looks[picture, mask]
            wrong = _mistake(look, legend, mask.relative_to(root).as_posix())
            if wrong:
                findings.append(Finding(name, *wrong))
            elif not isinstance(look, PictureError):
                present = tuple(sorted({legend.table[value] for value in look[2]} - {IGNORED}))
                parts[part].append(Mapped(name, look[0], picture, mask, legend, present))
    return Maps("class maps", legend.classes, parts, findings)


def painted_maps(scenes: Scenes) -> Maps:
    """The masks of objects as class maps: background is class 0, then the classes in their order.

    ValueError where no object has a mask.
    """
    classes = ("background", *scenes.classes)
    every = [scene for inside in scenes.parts.values() for scene in inside]
    if not any(mask is not None for scene in every for mask in scene.objects.masks):
        rule = "class maps need masks, and these objects have boxes only"
        raise ValueError(f"{scenes.kind}: {rule}; train with --task detect")
    legend = Legend(classes, {number: number for number in range(len(classes))})
    parts = {
        part: [
            Mapped(
                *(scene.name, scene.size, scene.picture, scene.objects, legend),
                (0, *sorted({int(label) + 1 for label in scene.objects.labels})),
            )
            for scene in inside
        ]
        for part, inside in scenes.parts.items()
    }
    return Maps(f"{scenes.kind}, its masks painted", classes, parts, scenes.findings)


def painted(objects: Objects, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W): 1 + label of each object's mask, the smaller ones on top; IGNORED are crowds,
    difficult objects, and boxes without a mask.
    """
    out = np.zeros(size, np.uint8)
    masks = [
        boxed(box, size) if mask is None else mask.array()
        for box, mask in zip(objects.boxes, objects.masks)
    ]
    bare = np.array([mask is None for mask in objects.masks], bool)
    ignored = bare | ~objects.counted
    values = np.where(ignored, IGNORED, objects.labels + 1)
    areas = np.array([mask.sum() for mask in masks])
    for k in np.lexsort((-areas, ~ignored)).tolist():  # what is ignored lies at the bottom
        out[masks[k]] = values[k]
    return out


def boxed(box: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of a box (x1, y1, x2, y2), (H, W)."""
    out = np.zeros(size, bool)
    x1, y1, x2, y2 = np.rint(box).astype(int).clip(0)
    out[y1:y2, x1:x2] = True
    return out


def read_values(file: Path, coloured: bool) -> NDArray[np.int32]:
    """The values of a mask's pixels, (H, W): grey, palette places, or 65536 r + 256 g + b."""
    try:
        with quiet(), file.open("rb") as raw, open_image(raw) as image:
            if not coloured and image.mode in ("P", "L", "1", "I", "I;16"):
                values = np.asarray(image).astype(np.int32)
                return values * 255 if image.mode == "1" else values
            rgb = np.asarray(image.convert("RGB")).astype(np.int32)
    except OSError as error:
        raise PictureError(str(file), "broken mask", f"cannot be read ({error})") from None
    if not coloured and (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all():
        return rgb[..., 0]
    return rgb @ np.array([65536, 256, 1], np.int32)


def map_folders(root: Path) -> dict[str, tuple[Path, Path]]:
    """The folders of pictures and masks of each part; empty where there are none."""
    if not root.is_dir():
        return {}
    if pair := _pair(root):
        inner = [{folder.name.lower(): folder for folder in subfolders(side)} for side in pair]
        named = {SPLITS[name]: name for name in inner[0] if name in SPLITS and name in inner[1]}
        parts = {part: (inner[0][name], inner[1][name]) for part, name in named.items()}
        return parts or {WHOLE: pair}
    here = {folder.name.lower(): folder for folder in subfolders(root)}
    found = {}
    for name, part in SPLITS.items():
        if name in here and (pair := _pair(here[name])):
            found[part] = pair
        for ending in (join + word for join in ("", "_", "-") for word in BESIDE):
            if name in here and name + ending in here:
                found[part] = here[name], here[name + ending]
    if not found and len(here) == 1:  # an archive's own folder around everything
        return map_folders(next(iter(here.values())))
    return found


def _pair(folder: Path) -> tuple[Path, Path] | None:
    """The folders of pictures and of masks in a folder."""
    here = {inner.name.lower(): inner for inner in subfolders(folder)}
    images = next((here[name] for name in IMAGES if name in here), None)
    masks = next((here[name] for name in MASKS if name in here and _pictures(here[name])), None)
    return (images, masks) if images and masks else None


def _pictures(folder: Path) -> bool:
    return bool(list_pictures(folder))


def _paired(
    root: Path, pictures: Path, masks: Path, findings: list[Finding]
) -> list[tuple[Path, Path]]:
    """Every picture with its mask: the one of its name in the same place, or the only one."""
    at: dict[tuple[str, str], Path] = {}
    named: dict[str, list[Path]] = {}
    for mask in list_pictures(masks):
        place = mask.parent.relative_to(masks).as_posix()
        for stem in dict.fromkeys((mask.stem, _ENDING.sub("", mask.stem))):
            at.setdefault((place, stem), mask)
            named.setdefault(stem, []).append(mask)
    pairs, used = [], set()
    for picture in list_pictures(pictures):
        place = picture.parent.relative_to(pictures).as_posix()
        only = named.get(picture.stem, [])
        found = at.get((place, picture.stem)) or (only[0] if len(only) == 1 else None)
        if found is None:
            message = f"there is no mask of its name in {masks.relative_to(root)}; left out"
            findings.append(Finding(picture.relative_to(root).as_posix(), "missing mask", message))
        else:
            pairs.append((picture, found))
            used.add(found)
    for mask in dict.fromkeys(itertools.chain(*named.values())):
        if mask not in used:
            message = f"there is no picture of its name in {pictures.relative_to(root)}; left out"
            findings.append(Finding(mask.relative_to(root).as_posix(), "missing picture", message))
    return pairs


def _listed(
    root: Path, part: str, pairs: list[tuple[Path, Path]]
) -> Iterator[tuple[str, tuple[Path, Path]]]:
    """Each pair with its part, which lists of VOC may give."""
    lists = {SPLITS[f.stem.lower()]: f for f in sorted((root / VOC_LISTS).glob("*.txt"))
             if f.stem.lower() in SPLITS}  # fmt: skip
    if part != WHOLE or not lists:
        yield from ((part, pair) for pair in pairs)
        return
    by_stem = {picture.stem: (picture, mask) for picture, mask in pairs}
    for name, file in lists.items():
        for line in file.read_text(encoding="utf-8").split("\n"):
            if line.strip() in by_stem:
                yield name, by_stem[line.strip()]


Look = tuple[tuple[int, int], tuple[int, int], frozenset[int]]
"""Height and width of a picture and of its mask, and the values in that."""


def _surveyed(pairs: Sequence[tuple[Path, Path]], coloured: bool) -> list[Look | PictureError]:
    def look(pair: tuple[Path, Path]) -> Look | PictureError:
        try:
            size = read_header(pair[0]).size
            values = read_values(pair[1], coloured)
        except PictureError as error:
            return error
        small = values.min(initial=0) >= 0 and values.max(initial=0) < 1 << 16
        seen = np.flatnonzero(np.bincount(values.reshape(-1))) if small else np.unique(values)
        return size, values.shape, frozenset(seen.tolist())

    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(look, pairs))


def _mistake(look: Look | PictureError, legend: Legend, mask: str) -> tuple[str, str] | None:
    if isinstance(look, PictureError):
        return look.kind, f"{look.message}; left out"
    size, own, values = look
    if own != size:
        sizes = f"its mask {mask} is {own[1]} x {own[0]}, the picture {size[1]} x {size[0]}"
        return "mask size", f"{sizes}; left out"
    if alien := sorted(values - legend.table.keys()):
        shown = ", ".join(map(legend.shown, alien[:5]))
        rule = "add it to the list of classes, or paint it over"
        return "unknown value", f"its mask {mask} has {shown}, which is no class; left out; {rule}"
    return None
