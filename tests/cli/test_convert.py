from __future__ import annotations

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from hubel.cli import app


@pytest.fixture
def cells(tmp_path):
    """Pascal VOC with one good picture, a difficult object and a mistake."""
    Image.new("RGB", (50, 40)).save(tmp_path / "a.jpg")

    def thing(box, difficult):
        corners = zip(("xmin", "ymin", "xmax", "ymax"), box)
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in corners)
        return (
            f"<object><name>cell</name><difficult>{difficult}</difficult>"
            f"<bndbox>{inner}</bndbox></object>"
        )

    size = "<size><width>50</width><height>40</height></size>"
    objects = thing((1, 1, 5, 5), 1) + thing((60, 1, 70, 5), 0)
    (tmp_path / "a.xml").write_text(
        f"<annotation><filename>a.jpg</filename>{size}{objects}</annotation>"
    )
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, ["convert", *map(str, words)])


def test_it_says_what_was_written_lost_and_left_out(cells, tmp_path):
    done = run(cells, tmp_path / "new", "--to", "yolo")
    assert done.exit_code == 0, done.output
    assert "1 pictures with 1 objects of 1 classes (cell), read as Pascal VOC" in done.output
    assert "yolo has no place for the mark of 1 difficult objects" in done.output
    assert "Left out: a.jpg: object 2 (cell): its box" in done.output
    text = (tmp_path / "new" / "labels" / "train" / "a.txt").read_text()
    assert [float(word) for word in text.split()] == pytest.approx([0, 0.05, 0.0625, 0.1, 0.125])


def test_json(cells, tmp_path):
    found = json.loads(run(cells, tmp_path / "new", "--to", "coco", "--json").stdout)
    assert (found["pictures"], found["objects"], found["classes"]) == (1, 1, ["cell"])
    assert found["findings"][0]["kind"] == "box outside"


def test_parquet_and_names(cells, tmp_path):
    assert run(cells, tmp_path / "hub", "--to", "parquet").exit_code == 0
    done = run(tmp_path / "hub", tmp_path / "voc", "--to", "voc")
    assert "1 pictures with 1 objects of 1 classes (cell), read as parquet, written" in done.output
    assert "<difficult>1</difficult>" in (tmp_path / "voc" / "Annotations" / "a.xml").read_text()
    done = run("me/no-such-cells", tmp_path / "other", "--to", "voc")
    assert isinstance(done.exception, ValueError)
    assert "me/no-such-cells is not on this machine; add --download" in str(done.exception)
