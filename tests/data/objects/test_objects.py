from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hubel.data.objects import Mask, encode, open_objects, write_objects
from hubel.runtime.decode.masks import packed, unpacked

DATA = os.environ.get("HUBEL_DATA")
real = pytest.mark.skipif(not DATA, reason="HUBEL_DATA names no folder of data sets")


def everything(scenes):
    """All that a data set says, in plain values."""
    return {
        part: [
            (
                Path(scene.name).name,
                scene.size,
                [scenes.classes[k] for k in scene.objects.labels],
                scene.objects.boxes.tolist(),
                [None if m is None else (m.counts, [p.tolist() for p in m.outline])
                 for m in scene.objects.masks],
            )
            for scene in sorted(inside, key=lambda scene: Path(scene.name).name)
        ]
        for part, inside in scenes.parts.items()
    }  # fmt: skip


@pytest.fixture
def coco(tmp_path):
    """Two pictures in COCO's form: gapped numbers, an outline, run lengths, a crowd, mistakes."""
    root = tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    (root / "images").mkdir()
    for name, size in (("a.png", (40, 30)), ("b.png", (20, 50))):
        Image.new("RGB", size, (9, 99, 199)).save(root / "images" / name)
    blob = np.zeros((30, 40), bool)
    blob[5:9, 10:14] = True
    runs = {"size": [30, 40], "counts": packed(encode(blob))}

    def entry(number, image, category, **more):
        return {"id": number, "image_id": image, "category_id": category, **more}

    content = {
        "images": [
            {"id": 7, "file_name": "a.png", "height": 30, "width": 40},
            {"id": 9, "file_name": "b.png", "height": 50, "width": 20},
            {"id": 11, "file_name": "gone.png", "height": 5, "width": 5},
        ],
        "categories": [{"id": 90, "name": "cup"}, {"id": 3, "name": "bird"}],
        "annotations": [
            entry(1, 7, 90, bbox=[1.25, 2.5, 10.33, 4.1], iscrowd=0),
            entry(2, 7, 3, bbox=[10, 5, 4, 4], segmentation=runs, iscrowd=0),
            entry(3, 7, 3, bbox=[0, 0, 40, 30], segmentation=runs, iscrowd=1),
            entry(4, 9, 3, segmentation=[[1.5, 1.5, 9.25, 1.5, 9.25, 20.0]]),
            entry(5, 9, 90, bbox=[15, 45, 10, 10]),
            entry(6, 9, 90, bbox=[5, 5, 0, 3]),
            entry(7, 9, 4, bbox=[5, 5, 2, 3]),
            entry(8, 9, 3, bbox=[1, 1, 2, 2], segmentation={"size": [9, 9], "counts": [40, 41]}),
            entry(9, 9, 3, bbox=[1, 1, 2, 2], segmentation={"size": [50, 20], "counts": "!!"}),
            entry(10, 12, 3, bbox=[1, 1, 2, 2]),
        ],
    }
    (root / "annotations" / "instances_train.json").write_text(json.dumps(content))
    return root


def test_coco_is_read_and_its_mistakes_are_told(coco):
    scenes = open_objects(coco)
    assert scenes.classes == ("bird", "cup")
    assert scenes.ids == (3, 90)
    a, b = scenes.parts["whole"]
    assert a.objects.boxes[0] == pytest.approx([1.25, 2.5, 11.58, 6.6])
    assert a.objects.crowd.tolist() == [False, False, True]
    assert a.objects.counted.tolist() == [True, True, False]
    assert a.objects.masks[1].array().sum() == 16
    assert a.objects.masks[1].box() == (10, 5, 14, 9)
    assert b.objects.boxes.tolist() == [[1.5, 1.5, 9.25, 20.0]]
    told = sorted((finding.name, finding.kind) for finding in scenes.findings)
    assert told == [
        ("b.png", "box outside"),
        ("b.png", "broken annotation"),
        ("b.png", "empty box"),
        ("b.png", "mask size"),
        ("b.png", "unknown class"),
        ("gone.png", "missing picture"),
        ("instances_train.json", "missing picture"),
    ]


def test_from_coco_and_back_nothing_changes(coco, tmp_path):
    scenes = open_objects(coco)
    assert write_objects(scenes, tmp_path / "again", "coco") == []
    again = open_objects(tmp_path / "again")
    assert everything(again) == everything(scenes)
    assert again.ids == scenes.ids
    assert [s.objects.crowd.tolist() for s in again.parts["whole"]] == [
        [False, False, True],
        [False],
    ]
    assert again.findings == []


@pytest.mark.parametrize("kind", ["voc", "yolo"])
def test_other_formats_keep_what_they_can_and_say_what_not(coco, tmp_path, kind):
    scenes = open_objects(coco)
    lost = write_objects(scenes, tmp_path / kind, kind)
    again = open_objects(tmp_path / kind)
    assert "the mark of 1 crowds" in lost
    assert ("3 masks" in lost) == (kind == "voc")
    first, second = everything(scenes)["whole"], everything(again)["train"]
    assert [x[:3] for x in first] == [x[:3] for x in second]
    assert [x[3] for x in first] == [x[3] for x in second]  # boxes, to the last digit
    if kind == "yolo":
        assert second[1][4] == first[1][4]  # the outline too


@real
def test_blood_cells_travel_through_all_formats(tmp_path):
    scenes = open_objects(Path(DATA) / "bccd")
    assert scenes.classes == ("Platelets", "RBC", "WBC")
    assert [len(scenes.parts[part]) for part in ("train", "val")] == [205, 87]
    for scene in scenes.parts["train"][5:]:
        scene.objects.labels  # noqa: B018  all are read
    few = type(scenes)(scenes.kind, scenes.classes, {k: v[:4] for k, v in scenes.parts.items()})
    before = everything(few)
    for kind in ("yolo", "coco", "voc"):
        write_objects(few, tmp_path / kind, kind)
        few = open_objects(tmp_path / kind)
        assert everything(few) == before
    kept = scenes.parts["val"][0]
    copied = tmp_path / "voc" / "JPEGImages" / Path(kept.name).name
    assert copied.read_bytes() == Path(kept.picture).read_bytes()


@real
def test_nuclei_have_masks_that_fill_their_boxes():
    scenes = open_objects(Path(DATA) / "nuclei")
    assert [len(scenes.parts[part]) for part in ("train", "val")] == [357, 75]
    assert sum(len(s.objects) for s in scenes.parts["val"]) == 2067
    for scene in scenes.parts["val"][:5]:
        for box, mask in zip(scene.objects.boxes, scene.objects.masks):
            assert mask.box() == tuple(box)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_masks_are_packed_as_pycocotools_does(height, width, seed, share):
    mask = np.random.default_rng(seed).random((height, width)) < share
    counts = encode(mask)
    assert (Mask((height, width), counts=counts).array() == mask).all()
    assert unpacked(packed(counts)) == counts
    cocomask = pytest.importorskip("pycocotools.mask")
    theirs = cocomask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert packed(counts) == theirs["counts"].decode()


def test_run_lengths_that_no_file_has_are_refused():
    for text in ("~", "o", "1O"):
        with pytest.raises(ValueError, match="run lengths"):
            unpacked(text)


def test_an_outline_covers_the_pixels_inside():
    square = Mask((20, 20), outline=(np.array([[3, 4], [9, 4], [9, 12], [3, 12]], float),))
    found = square.array()
    assert found[4:12, 3:9].all()
    assert found.sum() == 48
    half = Mask((20, 20), outline=(np.array([[0, 0], [16, 0], [0, 16]], float),))
    assert half.array().sum() == pytest.approx(128, abs=9)


def test_yolo_paths_parts_and_mistakes(tmp_path):
    root = tmp_path / "y"
    for part in ("train", "valid"):
        (root / part / "images").mkdir(parents=True)
        (root / part / "labels").mkdir()
        Image.new("L", (64, 48)).save(root / part / "images" / "one.png")
    (root / "train" / "labels" / "one.txt").write_text(
        "0 0.5 0.5 0.25 0.5\n7 0.5 0.5 0.1 0.1\n0 0.5 0.5\n0 0.99 0.5 0.5 0.5\n"
    )
    text = "path: /nowhere/of/mine\ntrain: ../train/images\nval: ../valid/images\nnames: [cell]\n"
    (root / "data.yaml").write_text(text)
    scenes = open_objects(root)
    assert scenes.parts["train"][0].objects.boxes.tolist() == [[24, 12, 40, 36]]
    assert len(scenes.parts["val"][0].objects) == 0
    assert sorted(f.kind for f in scenes.findings) == [
        "box outside",
        "broken annotation",
        "unknown class",
    ]


def test_voc_mistakes_are_findings(tmp_path):
    Image.new("RGB", (50, 40)).save(tmp_path / "a.jpg")
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>50</xmax><ymax>40</ymax></bndbox>"
    size = "<size><width>50</width><height>40</height></size>"
    good = f"<annotation><filename>a.jpg</filename>{size}<object><name>x</name>{box}</object>"
    (tmp_path / "a.xml").write_text(good + "</annotation>")
    (tmp_path / "b.xml").write_text(good.replace("a.jpg", "b.jpg") + "</annotation>")
    (tmp_path / "c.xml").write_text(good)
    (tmp_path / "d.xml").write_text(f"<!DOCTYPE x [<!ENTITY a 'b'>]>{good}</annotation>")
    (tmp_path / "e.xml").write_text(good.replace("<xmin>1</xmin>", "") + "</annotation>")
    scenes = open_objects(tmp_path)
    (scene,) = scenes.parts["whole"]
    assert scene.objects.boxes.tolist() == [[0, 0, 50, 40]]
    kinds = {finding.name: finding.kind for finding in scenes.findings}
    assert kinds == {
        "b.xml": "missing picture",
        "c.xml": "broken annotation",
        "d.xml": "broken annotation",
        "e.xml": "broken annotation",
    }


def test_what_is_no_data_set_of_objects_is_refused(tmp_path, coco):
    with pytest.raises(ValueError, match="no such file or folder"):
        open_objects(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no annotations of objects"):
        open_objects(tmp_path / "empty")
    (tmp_path / "x.json").write_text("[1")
    with pytest.raises(ValueError, match="not JSON"):
        open_objects(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match="lacks annotations, categories, images"):
        open_objects(tmp_path / "x.json")
    with pytest.raises(ValueError, match="yolo"):
        write_objects(open_objects(coco), tmp_path / "new", "yolov8")
    with pytest.raises(ValueError, match="not an empty folder"):
        write_objects(open_objects(coco), coco, "voc")
