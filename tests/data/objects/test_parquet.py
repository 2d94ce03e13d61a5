"""Parquet with objects, by the forms that the hub's data sets have."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hubel.data import decode_scenes, kind_of, open_scenes
from hubel.data.objects import Mask, encode, open_objects, write_objects
from hubel.data.objects.types import Scene, Scenes, Thing, gathered
from hubel.pictures import Preprocess, read_picture
from tests.data.objects.test_objects import everything

SIZE = (40, 60)  # height, width
LABEL = {"names": ["cup", "bird"], "_type": "ClassLabel"}
FEATURES = {  # how versions of the hub's library say the same
    "a list of them": {"feature": {"bbox": {}, "category": LABEL}, "_type": "Sequence"},
    "lists in it": {"bbox": {}, "category": {"feature": LABEL, "_type": "List"}},
    "in brackets": [{"bbox": {}, "category": LABEL}],
}


def blob(number: int) -> bytes:
    picture = np.full((*SIZE, 3), 10 * number, np.uint8)
    Image.fromarray(picture).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def write(file: Path, objects: list, features=None, first: int = 0, **columns) -> Path:
    """A row for each of the objects, in small row groups."""
    images = [{"bytes": blob(first + n), "path": f"{first + n}.png"} for n in range(len(objects))]
    table = pa.table({"image": images, "objects": objects, **columns})
    info = {"features": {"objects": features}} if features else {}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": info})})
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, row_group_size=2)
    return file


def lists(*things) -> dict:
    """A struct of lists of (x, y, w, h, category)."""
    return {"bbox": [list(t[:4]) for t in things], "category": [t[4] for t in things]}


def structs(*things) -> list:
    """A list of structs of the same."""
    return [{"bbox": list(t[:4]), "category": t[4]} for t in things]


THINGS = [
    [(3.0, 4.0, 10.5, 6.0, 0), (20.0, 1.0, 30.0, 39.0, 1)],
    [],
    [(30.0, 30.0, 30.0, 10.0, 1)],
]


@pytest.mark.parametrize("form", [lists, structs])
@pytest.mark.parametrize("said", FEATURES)
def test_all_spellings_say_the_same(tmp_path, form, said):
    file = write(tmp_path / "x.parquet", [form(*row) for row in THINGS], FEATURES[said])
    assert kind_of(file) == kind_of(tmp_path) == "objects"
    scenes = open_objects(tmp_path)
    assert (scenes.kind, scenes.classes, scenes.findings) == ("parquet", ("cup", "bird"), [])
    inside = scenes.parts["whole"]
    assert [scene.name for scene in inside] == ["0.png", "1.png", "2.png"]
    assert {scene.size for scene in inside} == {SIZE}
    assert inside[0].objects.boxes.tolist() == [[3, 4, 13.5, 10], [20, 1, 50, 40]]
    assert [scene.objects.labels.tolist() for scene in inside] == [[0, 1], [], [1]]
    for n in (2, 0, 1):
        assert read_picture(inside[n].picture).mean() == 10 * n


def test_classes_without_names_are_their_numbers_or_texts(tmp_path):
    things = [(1, 1, 5, 5, 10), (1, 1, 5, 5, 9)]
    assert open_objects(write(tmp_path / "n.parquet", [lists(*things)])).classes == ("9", "10")
    things = [(1, 1, 5, 5, "wolf"), (1, 1, 5, 5, "ant")]
    scenes = open_objects(write(tmp_path / "t.parquet", [structs(*things)]))
    assert scenes.classes == ("ant", "wolf")
    assert scenes.parts["whole"][0].objects.labels.tolist() == [1, 0]


def test_corners_are_told_by_looking(tmp_path):
    things = [[(x, y, x + w, y + h, k) for x, y, w, h, k in row] for row in THINGS]
    scenes = open_objects(write(tmp_path / "x.parquet", [lists(*row) for row in things]))
    assert scenes.kind == "parquet, boxes as corners"
    assert scenes.findings == []
    assert scenes.parts["whole"][0].objects.boxes.tolist() == [[3, 4, 13.5, 10], [20, 1, 50, 40]]


def test_mistakes_are_told_by_name(tmp_path):
    rows = [
        lists(*THINGS[0], (5, 5, 0, 3, 0), (50, 5, 20, 3, 1), (1, 1, 2, 2, 7), (2, 2, 2, 2, None)),
        {"bbox": [[1, 1, 2, 2], [3, 3, 4]], "category": [0, 1]},
        {"bbox": [[1, 1, 2, 2]], "category": [0, 1]},
        None,
        lists(*THINGS[0]),
    ]
    file = write(tmp_path / "x.parquet", rows, FEATURES["lists in it"], width=[60] * 4 + [61],
                 height=[40] * 5)  # fmt: skip
    scenes = open_objects(file)
    inside = scenes.parts["whole"]
    assert [len(scene.objects) for scene in inside] == [2, 1, 0, 2]
    assert sorted((found.name, found.kind) for found in scenes.findings) == [
        ("0.png", "box outside"),
        ("0.png", "empty box"),
        ("0.png", "unknown class"),
        ("0.png", "unknown class"),
        ("1.png", "broken annotation"),
        ("2.png", "broken annotation"),
    ]
    told = {found.name: found.message for found in scenes.findings}
    assert told["1.png"] == "object 2: its box has 3 numbers, not four; left out"
    assert told["2.png"].startswith("its lists are of different lengths (1 of bbox, 2 of category)")
    data = open_scenes(file, val=1)
    assert ("4.png", "picture size") in [(found.name, found.kind) for found in data.findings]


def test_rows_without_a_picture_are_told(tmp_path):
    Image.open(io.BytesIO(blob(7))).save(tmp_path / "beside.png")
    images = [
        {"bytes": blob(0), "path": "same.png"},
        {"bytes": b"text", "path": "same.png"},
        {"bytes": None, "path": "beside.png"},
        {"bytes": None, "path": "gone.png"},
        {"bytes": None, "path": None},
    ]
    objects = [lists(*THINGS[0])] * len(images)
    pq.write_table(pa.table({"image": images, "objects": objects}), tmp_path / "x.parquet")
    scenes = open_objects(tmp_path)
    assert [scene.name for scene in scenes.parts["whole"]] == ["same.png", "beside.png"]
    assert read_picture(scenes.parts["whole"][1].picture).mean() == 70
    assert [(found.name, found.kind) for found in scenes.findings] == [
        ("x#1", "missing picture"),
        ("gone.png", "missing picture"),
        ("x#4", "missing picture"),
    ]


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ({"bbox": [[1.0, 2, 3, 4]], "kind": [0]}, "its objects have bbox, kind; category or"),
        ({"area": [1.0], "category": [0]}, "its objects have area, category; bbox or bboxes or"),
        ({"bbox": [{"x_min": 1.0}], "category": [0]}, "type struct<x_min: double>; a list of four"),
        ({"bbox": [[0.1, 0.2, 0.3, 0.4]], "category": [0]}, "pixels are needed, .*, not shares"),
        ({"bbox": [[]], "category": [None]}, "a box of its objects is of type list<.*: null>"),
    ],
)
def test_what_is_no_data_of_objects_is_refused(tmp_path, objects, message):
    with pytest.raises(ValueError, match=message):
        open_objects(write(tmp_path / "x.parquet", [objects]))


def test_no_object_at_all_and_other_classes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no annotations of objects"):
        open_objects(write(tmp_path / "a" / "x.parquet", [1, 2]))
    empty = pa.array([lists(), None], pa.struct(pa.array([lists(*THINGS[0])]).type))
    with pytest.raises(ValueError, match="no row has an object; fill the column objects"):
        open_objects(write(tmp_path / "c" / "x.parquet", empty))
    write(tmp_path / "b" / "train.parquet", [lists(*THINGS[0])], FEATURES["in brackets"])
    write(tmp_path / "b" / "test.parquet", [lists(*THINGS[0])])
    with pytest.raises(ValueError, match="its classes are not those of the other files"):
        open_objects(tmp_path / "b")


@pytest.fixture
def scenes():
    """Two parts with all that a file can say."""
    block = np.zeros(SIZE, bool)
    block[5:9, 10:14] = True
    runs, outline = Mask(SIZE, counts=encode(block)), np.array([[1.5, 2], [9.25, 2], [5, 20]])
    things = [
        Thing("bird", (1.25, 2.5, 11.58, 6.6)),
        Thing("cup", (10, 5, 14, 9), runs, difficult=True),
        Thing("cup", (0, 0, 60, 40), crowd=True),
        Thing("bird", (1.5, 2, 9.25, 20), Mask(SIZE, outline=(outline, outline + 3))),
    ]
    parts: dict[str, list[Scene]] = {"train": [], "val": []}
    for n in range(5):
        mine = things[: n + 1]
        objects = gathered(f"{n}.png", SIZE, mine, ("bird", "cup"), [])
        parts["train" if n else "val"].append(Scene(f"{n}.png", SIZE, blob(n), objects))
    return Scenes("made", ("bird", "cup"), parts)


def marks(scenes):
    inside = [scene.objects for part in scenes.parts.values() for scene in part]
    return [(o.crowd.tolist(), o.difficult.tolist()) for o in inside]


def test_parquet_keeps_everything(scenes, tmp_path):
    assert write_objects(scenes, tmp_path / "hub", "parquet") == []
    assert kind_of(tmp_path / "hub") == "masks"
    again = open_objects(tmp_path / "hub")
    assert again.findings == []
    assert everything(again) == everything(scenes)
    assert marks(again) == marks(scenes)
    pairs = zip(again.parts["train"], scenes.parts["train"], strict=True)
    assert all(one.file() == other.file() for one, other in pairs)


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo"])
def test_into_other_formats_and_back(scenes, tmp_path, kind):
    write_objects(scenes, tmp_path / "hub", "parquet")
    lost = write_objects(open_objects(tmp_path / "hub"), tmp_path / kind, kind)
    other = open_objects(tmp_path / kind)
    assert write_objects(other, tmp_path / "again", "parquet") == []
    again = open_objects(tmp_path / "again")
    assert everything(again) == everything(other)
    assert marks(again) == marks(other)
    if kind == "coco":
        assert lost == ["the mark of 4 difficult objects"]
        assert everything(again) == everything(scenes)
    files = sorted((tmp_path / kind).rglob("?.png"))
    assert [file.read_bytes() for file in files] == [blob(int(file.stem)) for file in files]


def test_rows_without_paths_get_files_with_endings(tmp_path):
    images = [{"bytes": blob(n), "path": None} for n in range(2)]
    for part in ("train", "validation"):
        (tmp_path / "hub" / part).mkdir(parents=True)
        table = pa.table({"image": images, "objects": [lists(*THINGS[0])] * 2})
        pq.write_table(table, tmp_path / "hub" / part / "0000.parquet")
    write_objects(open_objects(tmp_path / "hub"), tmp_path / "coco", "coco")
    again = open_objects(tmp_path / "coco")
    names = [f"images/{part}/0000#{row}.png" for part in ("train", "val") for row in range(2)]
    assert [scene.name for inside in again.parts.values() for scene in inside] == names


def test_batches_from_rows(tmp_path):
    for part, first in (("train", 0), ("test", 3)):
        rows = [lists(*row) for row in THINGS]
        write(tmp_path / f"{part}-00000-of-00001.parquet", rows, FEATURES["in brackets"], first)
    data = open_scenes(tmp_path)
    assert data.kind == "objects"
    assert data.split.startswith("train as given; val is the test part")
    assert [file.name for file in data.train.files] == ["train-00000-of-00001.parquet"]
    again, findings = decode_scenes(data.val, Preprocess(SIZE))
    assert findings == []
    batch = pickle.loads(pickle.dumps(again)).batch(0, 0, np.array([2, 0]))
    assert read_picture(pickle.loads(pickle.dumps(data.train.read(1)))).mean() == 10
    assert batch.pictures.float().mean((1, 2, 3)).tolist() == [50, 30]
    assert batch.targets.labels.tolist() == [1, 0, 1]
    assert batch.targets.pictures.tolist() == [0, 1, 1]
