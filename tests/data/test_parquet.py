"""Parquet as the hub keeps it, by the forms that its columns and folders take."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hubel.data import open_data
from hubel.pictures import read_picture
from tests.data.conftest import picture


def blob(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture(number)).save(file, "PNG")
    return file.getvalue()


def write(file, columns: dict, names=None, rows: int = 3, licence: str = ""):
    """A parquet of small row groups, with class names in the metadata if given."""
    table = pa.table(columns)
    info: dict = {"license": licence}
    if names:
        info["features"] = {"label": {"names": names, "_type": "ClassLabel"}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": info})})
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, row_group_size=rows)
    return file


def images(count: int, start: int = 0) -> list[dict]:
    return [{"bytes": blob(start + n), "path": f"{start + n}.png"} for n in range(count)]


def test_class_names_from_the_metadata(tmp_path):
    columns = {"image": images(10), "label": [n % 2 for n in range(10)]}
    data = open_data(write(tmp_path / "x.parquet", columns, ["zebra", "ant"], licence="mit"))
    assert data.classes == ("zebra", "ant")  # in the data set's own order
    assert data.licence == "mit"
    assert (len(data.train), len(data.val)) == (8, 2)
    for source in (data.train, data.val):
        for i, name in enumerate(source.names):
            number = int(name.removesuffix(".png"))
            assert source.targets[i] == number % 2
            np.testing.assert_array_equal(read_picture(source.read(i)), picture(number))


def test_backwards_through_the_row_groups(tmp_path):
    data = open_data(
        write(tmp_path / "x.parquet", {"img": images(10), "label": list("ab" * 5)}), val=1
    )
    for i in reversed(range(10)):
        np.testing.assert_array_equal(read_picture(data.val.read(i)), picture(i))


@pytest.mark.parametrize(
    "names",
    [
        (
            "train-00000-of-00002.parquet",
            "train-00001-of-00002.parquet",
            "test-00000-of-00001.parquet",
        ),
        (
            "default/train/0000.parquet",
            "default/train/0001.parquet",
            "default/validation/0000.parquet",
        ),
    ],
)
def test_folders_of_shards(tmp_path, names):
    for number, name in enumerate(names):
        columns = {"image": images(4, start=4 * number), "label": ["a", "b", "a", "b"]}
        write(tmp_path / "deep" / name, columns)
    data = open_data(tmp_path)
    assert data.train.names == [f"{n}.png" for n in range(8)]
    assert data.val.names == [f"{n}.png" for n in range(8, 12)]
    np.testing.assert_array_equal(read_picture(data.train.read(6)), picture(6))


def test_plain_bytes_and_numbers_without_names(tmp_path):
    columns = {"image": [blob(n) for n in range(4)], "label": [10, 9, 10, 9]}
    data = open_data(write(tmp_path / "plain.parquet", columns))
    assert data.classes == ("9", "10")
    assert {*data.train.names, *data.val.names} == {f"plain#{n}" for n in range(4)}


def test_paths_beside_the_file(tmp_path):
    for n in range(4):
        Image.fromarray(picture(n)).save(tmp_path / f"{n}.png")
    rows = [{"bytes": None, "path": f"{n}.png"} for n in range(4)]
    data = open_data(write(tmp_path / "x.parquet", {"image": rows, "label": list("abab")}), val=1)
    np.testing.assert_array_equal(read_picture(data.val.read(2)), picture(2))


def test_rows_without_a_label_are_left_out_and_listed(tmp_path):
    columns = {"image": images(6), "label": [0, 1, -1, None, 0, 1]}
    data = open_data(write(tmp_path / "x.parquet", columns, ["a", "b"]), val=1)
    assert data.val.names == ["0.png", "1.png", "4.png", "5.png"]
    np.testing.assert_array_equal(read_picture(data.val.read(2)), picture(4))
    assert [(f.name, f.kind) for f in data.findings] == [
        ("2.png", "no label"),
        ("3.png", "no label"),
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"picture_of": ["x"], "label": ["a"]},
            "no column with the pictures; there are: picture_of: string, label: string; one called",
        ),
        (
            {"image": [b"x"], "kind": [1]},
            "no column with the labels; there are: image: binary, kind: int64",
        ),
        (
            {"image": ["x"], "label": ["a"]},
            "the column image is of type string; it holds the bytes",
        ),
        (
            {"image": [{"url": "x"}], "label": ["a"]},
            r"the column image is of type struct<url: string>",
        ),
        (
            {"image": [b"x"], "label": [[[1, 2]]]},
            r"the column label is of type list<.*a picture has one label, .* or a list of them",
        ),
        ({"image": [b"x"], "label": [7]}, "the label 7, but only 2 class names"),
    ],
)
def test_unknown_columns(tmp_path, columns, message):
    names = ["a", "b"] if columns.get("label") == [7] else None
    with pytest.raises(ValueError, match=r"x\.parquet: " + message):
        open_data(write(tmp_path / "x.parquet", columns, names))


def test_a_damaged_file(tmp_path):
    file = write(tmp_path / "x.parquet", {"image": images(4), "label": list("abab")})
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(
        ValueError, match=r"x\.parquet: not a parquet file that can be read \(.*restore"
    ):
        open_data(file)


def test_a_file_of_no_part(tmp_path):
    for name in ("train-0.parquet", "more.parquet"):
        write(tmp_path / name, {"image": images(4), "label": list("abab")})
    with pytest.raises(
        ValueError, match=r"more\.parquet: neither train, validation nor test is in"
    ):
        open_data(tmp_path)


def test_classes_that_differ_between_files(tmp_path):
    for name, names in (("train-0", ["a", "b"]), ("train-1", ["b", "a"])):
        write(tmp_path / f"{name}.parquet", {"image": images(4), "label": [0, 1, 0, 1]}, names)
    with pytest.raises(
        ValueError, match=r"train-1\.parquet: its classes are not those of the other"
    ):
        open_data(tmp_path)
