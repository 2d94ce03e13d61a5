"""Folders of masks in the usual layouts; what their values mean; mistakes by name."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.data.legends import IGNORED, read_legend
from hubel.data.maps import open_maps
from hubel.data.open_scenes import KINDS, kind_of, open_scenes

DATA = os.environ.get("HUBEL_DATA")
real = pytest.mark.skipif(not DATA, reason="HUBEL_DATA names no folder of data sets")
SIZE = (12, 16)


def picture(path: Path, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], (9, 99, 199)).save(path)


def mask(path: Path, values: list[int], *, size: tuple[int, int] = SIZE, palette: bool = False):
    """Columns of the values, as grey or palette places."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = np.array(values, np.uint8)[np.arange(size[1]) * len(values) // size[1]]
    image = Image.fromarray(np.tile(columns, (size[0], 1)))
    if palette:
        image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0] + [255] * 759)
    image.save(path)


LAYOUTS = {
    "two folders": ("images/{0}.jpg", "masks/{0}.png", False),
    "ending": ("images/{0}.jpg", "masks/{0}_mask.png", False),
    "deeper": ("imgs/x/{0}.jpg", "labels/x/{0}.png", False),
    "parts outside": ("{1}/images/{0}.jpg", "{1}/masks/{0}.png", True),
    "parts inside": ("images/{1}/{0}.jpg", "annotations/{1}/{0}.png", True),
    "parts beside": ("{1}/{0}.png", "{1}annot/{0}.png", True),
    "parts beside, joined": ("{1}/{0}.png", "{1}_masks/{0}_mask.png", True),
    "one folder around": ("set/{1}/images/{0}.jpg", "set/{1}/masks/{0}.png", True),
    "voc": ("JPEGImages/{0}.jpg", "SegmentationClass/{0}.png", False),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    pictures, masks, parts = LAYOUTS[layout]
    for n in range(10):
        part = "train" if n < 7 else "val"
        picture(tmp_path / pictures.format(f"p{n}", part))
        mask(tmp_path / masks.format(f"p{n}", part), [0, 1, 2], palette=layout == "voc")
    data = open_scenes(tmp_path)
    assert kind_of(tmp_path) == data.kind == "maps"
    assert data.findings == ()
    assert len(data.train) == (7 if parts else 8)
    assert len(data.val) == (3 if parts else 2)
    assert data.train.scenes[0].map().tolist() == [[0] * 6 + [1] * 5 + [2] * 5] * 12
    assert data.classes[:3] == (("background", "aeroplane", "bicycle") if layout == "voc"
                                else ("0", "1", "2"))  # fmt: skip
    again = open_scenes(tmp_path)
    assert again.fingerprint == data.fingerprint
    assert again.train.digest == data.train.digest


def test_voc_lists_say_the_parts(tmp_path):
    for n in range(5):
        picture(tmp_path / f"JPEGImages/{n}.jpg")
        mask(tmp_path / f"SegmentationClass/{n}.png", [0, 15, 255], palette=True)
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("0\n1\n3\n")
    (lists / "val.txt").write_text("4\n")
    (lists / "trainval.txt").write_text("0\n1\n3\n4\n")
    data = open_scenes(tmp_path)
    assert [Path(name).stem for name in (*data.train.names, *data.val.names)] == list("0134")
    assert set(np.unique(data.val.scenes[0].map())) == {0, 15, IGNORED}


def whole(folder: Path, values: list[int], **words) -> Path:
    for n in range(6):
        picture(folder / f"images/{n}.png")
        mask(folder / f"masks/{n}.png", values, **words)
    return folder


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("sky\nroad\nvoid\n", ("sky", "road")),
        ("0 sky\n1: road\n2,unlabelled", ("sky", "road")),
        ("2 sky\n0 road\n1 open sea\n", ("sky", "road", "open sea")),
    ],
)
def test_a_list_names_the_classes(tmp_path, text, classes):
    whole(tmp_path, [0, 1, 2, 255])
    (tmp_path / "classes.txt").write_text(text)
    maps = open_maps(tmp_path)
    assert maps.classes == classes
    values = maps.parts["whole"][0].map()[0, ::4].tolist()
    third = 2 if len(classes) == 3 else IGNORED
    assert values == ([1, 2, 0, IGNORED] if len(classes) == 3 else [0, 1, third, IGNORED])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("class_dict.csv", "name,r,g,b\nnone,0,0,0\nred,200,0,0\ngreen,0,200,0\n"),
        ("label_colors.txt", "0 0 0 none\n200 0 0 red\n0 200 0 green\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nnone:0,0,0::\nred:200,0,0::\n"
         "green:0,200,0::\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("palette", [True, False])
def test_colours_have_names(tmp_path, name, text, palette):
    whole(tmp_path, [0, 1, 2], palette=True)
    if not palette:
        for file in (tmp_path / "masks").iterdir():
            Image.open(file).convert("RGB").save(file)
    (tmp_path / name).write_text(text)
    maps = open_maps(tmp_path)
    assert maps.classes == ("none", "red", "green")
    assert maps.parts["whole"][0].map()[0, ::6].tolist() == [0, 1, 2]
    assert maps.parts["whole"][0].present == (0, 1, 2)


def test_black_and_white_are_background_and_foreground(tmp_path):
    maps = open_maps(whole(tmp_path, [0, 255]))
    assert maps.classes == ("background", "foreground")
    assert maps.parts["whole"][0].map()[0, ::8].tolist() == [0, 1]


def test_gaps_in_the_values_are_closed(tmp_path):
    maps = open_maps(whole(tmp_path, [7, 21, 255]))
    assert maps.classes == ("7", "21")
    assert maps.parts["whole"][0].map()[0, ::6].tolist() == [0, 1, IGNORED]


def test_mistakes_are_told_and_left_out(tmp_path):
    whole(tmp_path, [0, 1])
    (tmp_path / "classes.txt").write_text("a\nb\n")
    mask(tmp_path / "masks/0.png", [0, 9])
    mask(tmp_path / "masks/1.png", [0, 1], size=(5, 5))
    (tmp_path / "masks/2.png").unlink()
    (tmp_path / "masks/3.png").write_bytes(b"no picture")
    mask(tmp_path / "masks/lonely.png", [0, 1])
    maps = open_maps(tmp_path)
    told = {(finding.name, finding.kind) for finding in maps.findings}
    assert told == {
        ("images/0.png", "unknown value"),
        ("images/1.png", "mask size"),
        ("images/2.png", "missing mask"),
        ("images/3.png", "broken mask"),
        ("masks/lonely.png", "missing picture"),
    }
    assert [scene.name for scene in maps.parts["whole"]] == ["images/4.png", "images/5.png"]
    shown = next(f.message for f in maps.findings if f.kind == "unknown value")
    assert "the value 9" in shown


def test_photographs_are_no_masks(tmp_path):
    whole(tmp_path, [0, 1])
    noise = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), np.uint8)
    for file in (tmp_path / "masks").iterdir():
        Image.fromarray(noise).save(file)
    with pytest.raises(ValueError, match=r"values in the masks.*classes\.txt"):
        open_maps(tmp_path)


def test_what_is_no_data_of_this_kind(tmp_path):
    with pytest.raises(ValueError, match="no masks"):
        open_maps(tmp_path)
    (tmp_path / "cats").mkdir()
    assert kind_of(tmp_path) == "classes"
    with pytest.raises(ValueError, match="no boxes, masks or class maps"):
        open_scenes(tmp_path)
    whole(tmp_path / "maps", [0, 1])
    with pytest.raises(ValueError, match="class maps, in which objects are not told apart"):
        open_scenes(tmp_path / "maps", kind="objects")
    with pytest.raises(ValueError, match="did you mean 'maps'"):
        open_scenes(tmp_path / "maps", kind="map")
    (tmp_path / "bad.txt").write_text("a 1\nb\n")
    with pytest.raises(ValueError, match="not a list of classes"):
        read_legend(tmp_path / "bad.txt")


def test_a_share_is_set_aside_by_name(tmp_path):
    data = open_scenes(whole(tmp_path, [0, 1]), val=0.5)
    assert len(data.train) == len(data.val) == 3
    assert "50%" in data.split
    picture(tmp_path / "images/later.png")
    mask(tmp_path / "masks/later.png", [0, 1])
    more = open_scenes(tmp_path, val=0.5)
    assert len(set(data.val.names) - set(more.val.names)) <= 1
    assert more.fingerprint != data.fingerprint


def test_masks_of_objects_are_painted():
    assert kind_of("shapes") == "masks"
    data = open_scenes("shapes", kind="maps")
    assert data.classes[:2] == ("background", "disc")
    scene = data.val.scenes[0]
    assert set(np.unique(scene.map())) == set(scene.present)


@real
def test_camvid_is_known(tmp_path):
    data = open_scenes(Path(DATA) / "camvid")
    assert data.classes[0] == "sky"
    assert data.classes[-1] == "bicyclist"
    assert len(data.classes) == 11
    assert (len(data.train), len(data.val)) == (367, 101)
    scene = data.train.scenes[0]
    values = np.asarray(Image.open(scene.truth))
    assert np.array_equal(scene.map(), np.where(values == 11, IGNORED, values))
    assert kind_of(Path(DATA) / "bccd") == "objects"
    assert kind_of(Path(DATA) / "nuclei") == "masks"
    assert kind_of(Path(DATA) / "hymenoptera") == "classes"
    assert set(KINDS) == {"classes", "objects", "masks", "maps"}
