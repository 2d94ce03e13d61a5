"""Parquet with a column of objects beside that of pictures, as the Hugging Face hub keeps data for
detection: a struct of lists or a list of structs, in COCO's words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from hubel.data.layout import WHOLE, in_order
from hubel.data.objects import coco
from hubel.data.objects.types import OVERHANG, Scene, Scenes, Thing, gathered
from hubel.data.parquet import Cell, Rows, Table, inner, tables_of
from hubel.data.types import Finding
from hubel.pictures.header import read_header
from hubel.pictures.read import PictureError, Readable
from hubel.runtime.files import write_whole

OBJECTS = "objects"
FIELDS = {
    "bbox": ("bbox", "bboxes", "boxes"),
    "category_id": ("category", "categories", "category_id", "label", "labels", "class"),
    "segmentation": ("segmentation", "segmentations"),
    "rle": ("rle",),
    "iscrowd": ("iscrowd", "is_crowd"),
    "difficult": ("difficult", "is_difficult"),
}
"""What COCO calls a value of an object -> what it may be called here. Run lengths, which cannot
stand in one column with outlines, and `difficult`, which COCO does not have, are Hubel's own words.
"""
GROUP = 100
"""Rows of a row group that is written, as the hub's own tools do with pictures."""


class _Row(NamedTuple):
    """A row as it lies there, its objects in COCO's words."""

    name: str
    size: tuple[int, int]
    picture: Readable
    objects: list[dict[str, Any]]


def has_objects(path: Path) -> bool:
    """Whether the first parquet file at or below has a column of objects."""
    import pyarrow
    import pyarrow.parquet as pq

    file = next(_files(path), None)
    try:
        return file is not None and bool(_kinds(pq.read_schema(file)))
    except (pyarrow.ArrowException, OSError):  # told by whoever reads it
        return False


def has_masks(path: Path) -> bool:
    """Whether an object of the parquet files at or below has a mask."""
    for table in map(Table, _files(path)):
        names = [name for word, name in _fields(table).items() if word in ("segmentation", "rle")]
        for row in table.values(OBJECTS) if names else ():
            things = [row] if isinstance(row, dict) else row or ()
            if any(any(each[name] or ()) for each in things if each for name in names):
                return True
    return False


def _files(path: Path) -> Iterator[Path]:
    one = path.suffix.lower() == ".parquet" and path.is_file()
    return iter([path]) if one else path.rglob("*.parquet")


def read_parquet(root: Path) -> Scenes:
    """All parquet files at or below `root`, parts and names as in data/parquet.py; pictures stay
    in their rows until they are wanted.

    Boxes are x, y, width, height, or two corners where fewer of them would be wrong that way.
    ValueError for columns that are neither, and for mistakes that no single row makes.
    """
    findings: list[Finding] = []
    tables = tables_of(root)
    named = {_class_names(table): table for inside in tables.values() for table in inside}
    names, *others = named
    if others:
        raise ValueError(f"{named[others[0]].path}: its classes are not those of the other files")
    parts = {part: list(_rows(inside, findings)) for part, inside in tables.items()}
    rows = [row for inside in parts.values() for row in inside]
    each = [thing.get("category_id") for row in rows for thing in row.objects]
    words = dict(enumerate(names)) or {value: str(value) for value in each if value is not None}
    classes = names or in_order(words.values())
    if not each:
        raise ValueError(f"{root}: no row has an object; fill the column {OBJECTS}")
    corners = _are_corners(root, rows)
    scenes: dict[str, list[Scene]] = {}
    for part, inside in parts.items():
        scenes[part] = []
        for row in inside:
            things = []
            for number, thing in enumerate(row.objects, 1):
                try:
                    things.append(_thing(thing, corners, row.size, words))
                except (TypeError, ValueError) as error:
                    message = f"object {number}: {error}; left out"
                    findings.append(Finding(row.name, "broken annotation", message))
            objects = gathered(row.name, row.size, things, classes, findings)
            scenes[part].append(Scene(row.name, row.size, row.picture, objects))
    return Scenes("parquet, boxes as corners" if corners else "parquet", classes, scenes, findings)


def _rows(tables: Sequence[Table], findings: list[Finding]) -> Iterator[_Row]:
    """The rows that have a picture."""
    places = [(n, row) for n, table in enumerate(tables) for row in range(len(table.names))]
    pictures = Rows(tables, np.array(places, np.int64).reshape(-1, 2))
    numbers = iter(range(len(places)))
    taken: set[str] = set()
    for table in tables:
        fields, values, sizes = _fields(table), table.values(OBJECTS), _sizes(table)
        for row, (name, value, size) in enumerate(zip(table.names, values, sizes)):
            if name in taken:  # it would not tell the pictures apart
                name = f"{table.path.stem}#{row}"
            taken.add(name)
            number = next(numbers)
            try:
                picture = pictures[number]
                size = size or read_header(picture).size
                things = _things(value, fields)
            except PictureError as error:
                findings.append(Finding(name, "missing picture", f"{error.message}; left out"))
            except ValueError as error:
                findings.append(Finding(name, "broken annotation", f"{error}; left out"))
            else:
                if isinstance(picture, bytes):
                    picture = cast(BinaryIO, Cell(name, pictures, number))
                yield _Row(name, size, picture, things)


def _sizes(table: Table) -> list[tuple[int, int] | None]:
    """Height and width that the columns say, or None for each row: the pictures know."""
    if not {"width", "height"} <= set(table.schema.names):
        return [None] * len(table.names)
    pairs = zip(table.values("height"), table.values("width"))
    return [(int(high), int(wide)) if high and wide else None for high, wide in pairs]


def _kinds(schema: Any) -> dict[str, Any]:
    """The values that an object has, and their types; none where there is no column of objects."""
    import pyarrow.types as of

    kind = schema.field(OBJECTS).type if OBJECTS in schema.names else None
    if kind is not None and of.is_struct(kind):
        inside = {field.name: _of_list(field.type) for field in kind}
        return {name: kind for name, kind in inside.items() if kind is not None}
    struct = _of_list(kind)
    return {f.name: f.type for f in struct} if struct is not None and of.is_struct(struct) else {}


def _of_list(kind: Any) -> Any:
    """What a list has in it; None for what is no list."""
    import pyarrow.types as of

    lists = (of.is_list, of.is_large_list, of.is_fixed_size_list)
    return kind.value_type if kind is not None and any(each(kind) for each in lists) else None


def _fields(table: Table) -> dict[str, str]:
    """COCO's words -> the fields of the table that say it; ValueError without boxes or classes."""
    import pyarrow.types as of

    kinds = _kinds(table.schema)
    found = {word: [name for name in known if name in kinds] for word, known in FIELDS.items()}
    for word in ("bbox", "category_id"):
        if not found[word]:
            rule = f"{' or '.join(FIELDS[word])} is needed"
            raise ValueError(f"{table.path}: its objects have {', '.join(kinds)}; {rule}")
    box = kinds[found["bbox"][0]]
    number = _of_list(box)
    if number is None or not (of.is_floating(number) or of.is_integer(number)):
        rule = "a list of four numbers is needed: x, y, width, height, or two corners"
        raise ValueError(f"{table.path}: a box of its objects is of type {box}; {rule}")
    return {word: names[0] for word, names in found.items() if names}


def _class_names(table: Table) -> tuple[str, ...]:
    """In the order of the file's own numbers; none where it does not have them."""
    said = inner(table.features.get(OBJECTS)).get(_fields(table)["category_id"])
    return tuple(inner(said).get("names") or ())


def _things(value: Any, fields: Mapping[str, str]) -> list[dict[str, Any]]:
    """The objects of a row in COCO's words."""
    if not isinstance(value, dict):
        return [{word: (each or {}).get(f) for word, f in fields.items()} for each in value or ()]
    lists = {word: value[name] for word, name in fields.items() if value[name] is not None}
    if len({len(each) for each in lists.values()}) > 1:
        counts = ", ".join(f"{len(each)} of {fields[word]}" for word, each in lists.items())
        raise ValueError(f"its lists are of different lengths ({counts})")
    return [dict(zip(lists, each)) for each in zip(*lists.values())]


def _are_corners(root: Path, rows: Sequence[_Row]) -> bool:
    """Whether fewer boxes would be wrong as two corners than as x, y, width, height: nothing in
    the file says which they are, and both are common. ValueError for shares of the sides.
    """
    boxes = [
        (*each["bbox"], *row.size)
        for row in rows
        for each in row.objects
        if len(each.get("bbox") or ()) == 4
    ]
    x, y, a, b, height, width = np.nan_to_num(np.array(boxes, float)).reshape(-1, 6).T
    if boxes and max(x.max(), y.max(), a.max(), b.max()) <= 1 < min(height.min(), width.min()):
        rule = "pixels are needed, x, y, width, height, or two corners"
        raise ValueError(f"{root}: no box reaches beyond the first pixel; {rule}, not shares")
    wide, high = width + OVERHANG, height + OVERHANG
    outside = (a <= 0) | (b <= 0) | (x + a > wide) | (y + b > high)
    turned = (a <= x) | (b <= y) | (a > wide) | (b > high)
    return bool(turned.sum() < outside.sum())


def _thing(
    said: Mapping[str, Any], corners: bool, size: tuple[int, int], classes: Mapping[Any, str]
) -> Thing:
    box = said.get("bbox")
    if box and len(box) != 4:
        raise ValueError(f"its box has {len(box)} numbers, not four")
    if corners and box:
        x1, y1, x2, y2 = box
        box = (x1, y1, x2 - x1, y2 - y1)
    mask = said.get("segmentation") or said.get("rle")
    of_coco = {"category_id": None, **said, "bbox": box, "segmentation": mask}
    return replace(coco.thing(of_coco, size, classes), difficult=bool(said.get("difficult")))


def write_parquet(scenes: Scenes, folder: Path) -> None:
    """Write data/<part>-00000-of-00001.parquet, with the pictures' own files in it."""
    every = [scene.objects for inside in scenes.parts.values() for scene in inside]
    masks = [mask for objects in every for mask in objects.masks if mask is not None]
    there = {
        "iscrowd": any(objects.crowd.any() for objects in every),
        "difficult": any(objects.difficult.any() for objects in every),
        "segmentation": any(mask.outline for mask in masks),
        "rle": any(not mask.outline for mask in masks),
    }
    schema = _schema(scenes.classes, [name for name, used in there.items() if used])
    for part, inside in scenes.parts.items():
        file = f"{'train' if part == WHOLE else part}-00000-of-00001.parquet"
        write_whole(folder / "data" / file, partial(_write, schema, inside))


def _schema(classes: Sequence[str], more: Sequence[str]) -> Any:
    """The columns, objects with `more` than the usual, and in the hub's words what they mean."""
    import pyarrow as pa

    numbers, whole = pa.list_(pa.float64()), pa.int64()
    kinds = {
        "bbox": numbers, "category": whole, "area": pa.float64(), "iscrowd": whole,
        "difficult": pa.bool_(), "segmentation": pa.list_(numbers),
        "rle": pa.struct({"size": pa.list_(whole), "counts": pa.string()}),
    }  # fmt: skip
    inside = {name: pa.list_(kinds[name]) for name in ("bbox", "category", "area", *more)}
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    columns = {"image": image, "width": whole, "height": whole, OBJECTS: pa.struct(inside)}
    features = {name: _feature(kind) for name, kind in columns.items()}
    features["image"] = {"_type": "Image"}
    named = {"names": list(classes), "_type": "ClassLabel"}
    features[OBJECTS]["category"] = {"feature": named, "_type": "Sequence"}
    return pa.schema(columns, {"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: Any) -> Any:
    """An arrow type as the hub says it."""
    import pyarrow.types as of

    if of.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if (inside := _of_list(kind)) is None:
        return {"dtype": "float64" if of.is_floating(kind) else str(kind), "_type": "Value"}
    feature = _feature(inside)
    return [feature] if of.is_struct(inside) else {"feature": feature, "_type": "Sequence"}


def _write(schema: Any, scenes: Sequence[Scene], file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, schema) as writer:
        for start in range(0, len(scenes), GROUP):
            rows = [_row(scene) for scene in scenes[start : start + GROUP]]
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _row(scene: Scene) -> dict[str, Any]:
    height, width = scene.size
    things = [coco.written(scene, k) for k in range(len(scene.objects))]
    masks = [thing.get("segmentation") for thing in things]
    objects = {
        **{word: [thing[word] for thing in things] for word in ("bbox", "area", "iscrowd")},
        "category": scene.objects.labels.tolist(),
        "difficult": scene.objects.difficult.tolist(),
        "segmentation": [mask if isinstance(mask, list) else None for mask in masks],
        "rle": [mask if isinstance(mask, dict) else None for mask in masks],
    }
    image = {"bytes": scene.file(), "path": Path(scene.name).name}
    return {"image": image, "width": width, "height": height, OBJECTS: objects}
