"""The page of a check: whole, offline, escaped, small, and there for every kind of data."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hubel.data import open_data
from hubel.data.check import check_data
from hubel.report.check import write_check
from tests.report.test_page import Page


@pytest.fixture
def folder(tmp_path):
    """Two classes, a leak, a conflict, a near copy, an odd and an empty file; a name of markup."""
    numbers = np.random.default_rng(0)
    root = tmp_path / "a&b"
    for part in ("train", "val"):
        for label in ("ants", "<b>"):
            (root / part / label).mkdir(parents=True)
            for i in range(12):
                rough = Image.fromarray(numbers.integers(0, 256, (9, 12, 3), np.uint8))
                size = (100 + 5 * i, 90)
                rough.resize(size).save(root / part / label / f"{i}.png")
    first = root / "train/ants/0.png"
    (root / "val/ants/leak.png").write_bytes(first.read_bytes())
    (root / "train/<b>/conflict.png").write_bytes((root / "train/ants/1.png").read_bytes())
    Image.open(root / "train/ants/2.png").save(root / "train/ants/near.jpg", quality=70)
    Image.new("RGB", (110, 90)).save(root / "train/ants/black.png")
    (root / "train/ants/none.png").write_bytes(b"")
    return root


def page(root, tmp_path, **words) -> Page:
    path = write_check(tmp_path / "check.html", check_data(open_data(root, **words)))
    return Page(path)


def test_every_fault_has_its_section_and_its_pictures(folder, tmp_path):
    made = page(folder, tmp_path)
    ids = [attrs["id"] for attrs in made.all("section")]
    assert ids == [
        "findings", "leaks", "conflicts", "duplicates", "odd-pictures", "classes",
        "sizes-and-colours", "contact-sheets",
    ]  # fmt: skip
    assert "1 corrupt file and 1 picture in several parts of the data" in made.text
    assert "train/ants/none.png empty is empty (0 bytes)" in made.text
    # 2 of each repeated picture, one odd, 8 of each of two classes; and each loads from the page.
    pictures = made.all("img")
    assert len(pictures) == 3 * 2 + 1 + 2 * 8
    assert all(attrs["src"].startswith("data:image/") for attrs in pictures)
    assert not made.all("link")[0]["href"].startswith("http")


def test_names_are_escaped(folder, tmp_path):
    made = page(folder, tmp_path)
    assert "<b></b>" not in made.source
    assert "train/&lt;b&gt;/conflict.png" in made.source
    assert "a&amp;b" in made.source


def test_sound_data(tmp_path):
    made = page("digits", tmp_path, val=1)
    assert "Nothing wrong was found in 1,797 pictures" in made.text
    assert "Every picture is 8 × 8 pixels." in made.text
    assert next(attrs["id"] for attrs in made.all("section")) == "findings"


def test_no_readable_picture(tmp_path):
    for label in ("ants", "bees"):
        (tmp_path / "d" / label).mkdir(parents=True)
        (tmp_path / "d" / label / "1.jpg").write_bytes(b"")
    made = page(tmp_path / "d", tmp_path, val=1)
    assert "2 corrupt files" in made.text
    assert "contact-sheets" not in made.source


def test_many_findings_make_no_large_page(tmp_path):
    """2,000 equal pictures of 20 classes, each under two labels: one page of half a megabyte."""
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 20, 20, 3), np.uint8)
    for i in range(2000):
        folder = tmp_path / "d" / f"class {i % 19}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[i % 1000]).save(folder / f"{i}.bmp")
    made = page(tmp_path / "d", tmp_path, val=1)
    assert "By name, the first 300 of 1,000" in made.text
    assert len(made.source) < 1_000_000
