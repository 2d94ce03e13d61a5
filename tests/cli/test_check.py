"""`hubel check` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hubel as package


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HUBEL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path) -> Path:
    root = tmp_path / "meine Bilder"
    numbers = np.random.default_rng(0)
    for part in ("train", "val"):
        for label in ("rot", "grün"):
            (root / part / label).mkdir(parents=True)
            for i in range(12):
                pixels = numbers.integers(0, 256, (20, 20, 3), np.uint8)
                Image.fromarray(pixels).save(root / part / label / f"{i}.png")
    return root


def test_sound_data(hubel, folder):
    said = hubel("check", folder, "--strict")
    assert said.code == 0, said.err
    assert "48 pictures" in said.out
    assert "Nothing was found that is wrong." in said.out
    assert "train  24 pictures, 12 a class" in said.out
    assert Path("runs/check/meine-Bilder.html").is_file()


@pytest.mark.parametrize("fault", ["leak", "empty"])
def test_strict_fails_on_leaks_and_corrupt_files(hubel, folder, fault):
    content = (folder / "train/rot/3.png").read_bytes() if fault == "leak" else b""
    (folder / "val/rot/new.png").write_bytes(content)
    assert hubel("check", folder).code == 0
    said = hubel("check", folder, "--strict")
    assert said.code == 1
    assert f"{fault} (1):" in said.out
    assert "val/rot/new.png" in said.out


def test_strict_bears_what_is_neither(hubel, folder):
    content = (folder / "train/rot/3.png").read_bytes()
    (folder / "train/grün/new.png").write_bytes(content)
    said = hubel("check", folder, "--strict")
    assert said.code == 0
    assert "conflict (1)" in said.out


def test_json_holds_every_finding(hubel, folder):
    for i in range(8):
        (folder / "val/rot" / f"empty {i}.png").write_bytes(b"")
    said = hubel("check", folder, "--json", "--report", "seite.html")
    found = json.loads(said.out)
    assert [finding["kind"] for finding in found["findings"]] == ["empty"] * 8
    assert found["classes"]["val"] == {"grün": 12, "rot": 12}
    assert found["sound"] is False
    assert Path(found["report"]) == Path("seite.html")
    assert Path("seite.html").is_file()
    assert "and 3 more" in hubel("check", folder).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere/at/all"], "check the path"),
        (["digits", "--report", "page.txt"], "name it .html"),
        (["digit"], "did you mean 'digits'"),
    ],
)
def test_bad_input_is_one_line(hubel, words, said):
    got = hubel("check", *words)
    assert got.code == 2
    assert said in got.err
    assert got.err.count("\n") == 1


def test_one_picture(hubel, tmp_path):
    (tmp_path / "d/cats").mkdir(parents=True)
    Image.new("L", (20, 20)).save(tmp_path / "d/cats/1.png")
    got = hubel("check", "d")
    assert got.code == 2
    assert "only one class (cats); a classifier needs two or more" in got.err


def test_the_function_is_the_command(folder):
    found = package.check(folder)
    assert found.sound
    assert found.report == Path("runs/check/meine-Bilder.html")
