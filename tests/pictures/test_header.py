"""What a file says of itself before it is decoded."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from hubel.pictures import PictureError
from hubel.pictures.header import Header, read_header


@pytest.fixture
def image() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))


def stored(image: Image.Image, kind: str, **words) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **words)
    return file.getvalue()


def test_of_files_bytes_pictures_and_arrays(image, tmp_path):
    image.save(tmp_path / "a.png")
    assert read_header(tmp_path / "a.png") == Header("PNG", "RGB", size=(40, 60))
    assert read_header(stored(image, "bmp")) == Header("BMP", "RGB", size=(40, 60))
    assert read_header(image.convert("CMYK")).mode == "CMYK"
    assert read_header(np.zeros((8, 8), np.uint8)) == Header("array", "L", size=(8, 8))
    assert read_header(np.zeros((8, 8, 4), np.uint8)) == Header("array", "RGBA", size=(8, 8))


def test_transparency_is_told_whatever_holds_it(image):
    assert read_header(stored(image.convert("RGBA"), "png")).mode == "RGBA"
    assert read_header(stored(image.convert("P"), "png", transparency=0)).mode == "RGBA"
    assert read_header(stored(image.convert("P"), "png")).mode == "P"


@pytest.mark.parametrize(("written", "read"), [(1, 1), (6, 6), (8, 8), (0, 1), (77, 1)])
def test_orientation(image, written, read):
    exif = Image.Exif()
    exif[0x0112] = written
    assert read_header(stored(image, "jpeg", exif=exif)).orientation == read


def test_what_is_no_picture_is_refused():
    with pytest.raises(PictureError, match="is not a picture in a known format"):
        read_header(b"no picture")
    with pytest.raises(PictureError, match="is empty"):
        read_header(b"")


def test_the_size_is_that_of_the_upright_picture(image):
    for orientation, size in ((1, (40, 60)), (3, (40, 60)), (6, (60, 40)), (8, (60, 40))):
        exif = Image.Exif()
        exif[0x0112] = orientation
        assert read_header(stored(image, "jpeg", exif=exif)).size == size
