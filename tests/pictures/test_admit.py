"""A stranger's file: pixels of bounded work come in, everything else is refused with its reason."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hubel.pictures import PictureError, read_picture
from hubel.pictures.admit import BLOCKS, SCANS, admit

PICTURE = np.arange(9 * 14 * 3, dtype=np.uint8).reshape(9, 14, 3)


def encoded(kind: str, picture: np.ndarray = PICTURE, **words) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **words)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(width: int, height: int, *more: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + pixels + chunk(b"IEND", b"")


def refused(data: bytes, most: int = 10**6) -> PictureError:
    with pytest.raises(PictureError) as caught:
        admit(data, most)
    return caught.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF"])
def test_pictures_of_every_form_come_in(kind):
    assert admit(encoded(kind), 1000) == (9, 14)


def test_real_photos_come_in_with_the_size_they_have(data):
    for photo in sorted((data / "hymenoptera" / "val" / "ants").glob("*.jpg"))[:20]:
        blob = photo.read_bytes()
        assert admit(blob, 10**8) == read_picture(blob).shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_picture(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    blob = encoded("JPEG", exif=exif)
    assert admit(blob, 1000) == read_picture(blob).shape[:2]


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\xef\xbb\xbf  \n<?xml version='1.0'?><svg/>",
        b"<!doctype html><script>alert(1)</script>",
    ],
)
def test_text_that_poses_as_a_picture(data):
    error = refused(data)
    assert error.kind == "not a picture"
    assert "SVG" in error.message


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\xc5\xd0\xd3\xc6" + bytes(40),
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"MZ\x90\0",
        b"8BPS\0\x01",
        b"hello",
    ],
)
def test_programs_and_other_files_are_no_pictures(data):
    assert refused(data).kind == "not a picture"
    assert "send JPEG, PNG" in refused(data).message


def test_nothing_at_all():
    assert refused(b"").kind == "empty"


@pytest.mark.parametrize("sides", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (1001, 1000)])
def test_a_bomb_is_known_by_its_header(sides):
    begun = time.perf_counter()
    error = refused(png(*sides))
    assert time.perf_counter() - begun < 0.5  # and not by decoding it
    assert error.kind == "too large"
    assert "the limit is 1,000,000 pixels" in error.message


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_animations(kind):
    frames = [Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE)]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    assert refused(file.getvalue()).kind == "animated"


def test_a_gif_of_very_many_frames_takes_no_time():
    head = encoded("GIF", PICTURE[:1, :1])
    frame = head[head.index(b"\x2c") : -1]
    data = head[:-1] + frame * 200_000 + b";"
    begun = time.perf_counter()
    assert refused(data).kind == "animated"
    assert time.perf_counter() - begun < 1


def test_a_png_of_very_many_blocks_takes_no_time():
    data = png(9, 9, chunk(b"tEXt", b"a\0b") * 300_000)
    begun = time.perf_counter()
    assert refused(data).kind == "overloaded"
    assert time.perf_counter() - begun < 1
    assert admit(png(9, 9, chunk(b"tEXt", b"a\0b") * (BLOCKS - 10)), 100) == (9, 9)


def test_a_jpeg_of_very_many_segments_takes_no_time():
    blob = encoded("JPEG")
    data = blob[:2] + b"\xff\xfe\0\x02" * 1_000_000 + blob[2:]
    begun = time.perf_counter()
    assert refused(data).kind == "overloaded"
    assert time.perf_counter() - begun < 1


def test_a_jpeg_of_very_many_scans():
    blob = encoded("JPEG", np.zeros((64, 64, 3), np.uint8), progressive=True)
    last = blob.rindex(b"\xff\xda")
    data = blob[:-2] + blob[last:-2] * (SCANS + 1) + blob[-2:]
    assert refused(data).kind == "overloaded"
    assert admit(blob, 10**4) == (64, 64)


def outcome(data: bytes) -> str:
    try:
        return str(admit(data, 1000))
    except PictureError as error:
        return error.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF"])
def test_every_beginning_of_a_picture_is_admitted_or_refused(kind):
    whole = encoded(kind)
    for length in range(1, len(whole)):
        said = outcome(whole[:length])
        assert said
        assert "BytesIO" not in said


@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0"]),
    st.binary(),
)
def test_any_bytes_behind_a_known_beginning(start, rest):
    try:
        height, width = admit(start + rest, 1000)
    except PictureError:
        return
    assert height * width <= 1000
