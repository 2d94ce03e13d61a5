"""The way from a file to pixels: geometry by hand, resizing as Pillow's, one value in and out."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hubel.pictures import FILTERS, PictureError, Preprocess, preprocess_many, read_picture, resize


@pytest.fixture
def photo(data):
    return sorted((data / "hymenoptera" / "train" / "bees").glob("*.jpg"))[0]


def test_crop_as_the_published_networks_are_scored(photo):
    """Short side to 256, the centre's 224: what torchvision's weights expect."""
    picture = read_picture(photo)
    height, width = picture.shape[:2]
    short = min(height, width)
    tall, wide = int(256 * height / short), int(256 * width / short)
    whole = np.asarray(Image.fromarray(picture).resize((wide, tall), Image.Resampling.BILINEAR))
    top, left = round((tall - 224) / 2), round((wide - 224) / 2)
    expected = whole[top : top + 224, left : left + 224]
    np.testing.assert_array_equal(Preprocess((224, 224), crop=0.875)(photo), expected)


def test_squash(photo):
    for name, filter in FILTERS.items():
        expected = np.asarray(Image.open(photo).convert("RGB").resize((40, 30), filter))
        np.testing.assert_array_equal(Preprocess((30, 40), "squash", filter=name)(photo), expected)


def test_pad_keeps_all_of_the_picture():
    picture = np.full((10, 40, 3), 200, np.uint8)
    out = Preprocess((20, 20), "pad", fill=7)(picture)
    assert (out[:7] == 7).all()
    assert (out[12:] == 7).all()
    assert (out[7:12] == 200).all()


def test_border_after_everything():
    out = Preprocess((28, 28), pad=2, fill=9, channels=1)(np.full((28, 28), 200, np.uint8))
    assert out.shape == (32, 32, 3)
    assert (out[2:-2, 2:-2] == 200).all()
    assert (out[:2] == 9).all()
    assert (out[:, -2:] == 9).all()


def test_resizing_is_antialiased():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    assert np.ptp(resize(stripes, (8, 8))[:, 1:-1]) <= 2
    assert np.ptp(resize(stripes, (8, 8), "nearest")) == 0  # it sees one colour of the stripes


def test_grey_from_colours(photo):
    out = Preprocess((32, 32), channels=1)(photo)
    assert (out[:, :, 0] == out[:, :, 1]).all()
    assert (out[:, :, 0] == out[:, :, 2]).all()
    pure = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    grey = Preprocess((1, 3), channels=1)(pure)[0, :, 0]
    np.testing.assert_array_equal(grey, [76, 150, 29])  # 0.299, 0.587, 0.114 of 255


def test_grey_stays_what_it_was():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(Preprocess((16, 16), channels=1)(ramp)[:, :, 1], ramp)


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["crop", "squash", "pad"]),
    st.floats(0.1, 1),
    st.integers(0, 3),
)
def test_any_picture_comes_out_at_the_promised_size(h, w, height, width, fit, crop, pad):
    preprocess = Preprocess((height, width), fit, crop=crop, pad=pad)
    out = preprocess(np.full((h, w, 3), 50, np.uint8))
    assert out.shape == (*preprocess.input_size, 3)
    inner = out[pad : pad + height, pad : pad + width]
    assert (inner == 50).all() or fit == "pad"
    assert (inner == 50).any()


def test_a_line_is_too_narrow_to_crop():
    line = np.zeros((1, 60_000), np.uint8)
    with pytest.raises(
        PictureError, match="60000 x 1, too narrow to cut 224 x 224 from; use fit=sq"
    ):
        Preprocess((224, 224))(line)
    assert Preprocess((224, 224), "squash")(line).shape == (224, 224, 3)


def test_transparency_over_the_named_background():
    clear = np.zeros((4, 4, 4), np.uint8)
    assert (Preprocess((4, 4), background=30)(clear) == 30).all()


def test_canvas_is_the_same_way_to_another_size(photo):
    preprocess = Preprocess((128, 128), crop=0.875, pad=2, channels=1, filter="bicubic")
    canvas = preprocess.canvas((160, 160))
    assert canvas.input_size == (160, 160)
    expected = dataclasses.replace(preprocess, size=(160, 160), crop=1.0, pad=0)
    assert canvas == expected


class TestValue:
    @pytest.mark.parametrize(
        "preprocess",
        [
            Preprocess((28, 28)),
            Preprocess((10, 20), "pad", 0.5, "lanczos", 3, 9, 1, (0.5,), (0.25,), 128),
            Preprocess((224, 224), crop=0.875, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)),
        ],
    )
    def test_there_and_back(self, preprocess):
        words = json.loads(json.dumps(preprocess.to_dict()))
        assert Preprocess.from_dict(words) == preprocess
        assert hash(Preprocess.from_dict(words)) == hash(preprocess)

    def test_lists_are_taken(self):
        assert Preprocess([28, 28], mean=[0, 0, 0]) == Preprocess((28, 28), mean=(0.0, 0.0, 0.0))

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ({"size": [28, 28], "sise": 3}, "unknown word 'sise' in preprocess; known: size, fit"),
            ({}, "preprocess has no size"),
            ({"size": 28}, "size=28; a list of numbers"),
            ({"size": [28]}, r"size=\(28,\); it is \(height, width\)"),
            ({"size": [28, 0]}, r"size=0; a whole number in 1\.\."),
            ({"size": [28.0, 28]}, r"size=28\.0; a whole number"),
            ({"size": [28, 28], "fit": "stretch"}, "fit='stretch'; it is one of crop, squash, pad"),
            ({"size": [28, 28], "filter": "cubic"}, "filter='cubic'; it is one of nearest"),
            ({"size": [28, 28], "crop": 0}, "crop=0"),
            ({"size": [28, 28], "crop": "1"}, "crop='1'"),
            ({"size": [28, 28], "pad": -1}, "pad=-1"),
            ({"size": [28, 28], "pad": True}, "pad=True"),
            ({"size": [28, 28], "fill": 256}, r"fill=256; a whole number in 0\.\.255"),
            ({"size": [28, 28], "channels": 2}, "channels=2; it is one of 1, 3"),
            ({"size": [28, 28], "channels": []}, r"channels=\[\]"),
            ({"size": [28, 28], "mean": [0.5]}, r"mean=\(0\.5,\); 3 channel\(s\) need as many"),
            ({"size": [28, 28], "std": [1, 1, 0]}, "every value must be above 0"),
            ({"size": [28, 28], "mean": [1, 1, "x"]}, "mean"),
            ({"size": [28, 28], "mean": [1, 1, float("nan")]}, "mean"),
        ],
    )
    def test_impossible_values(self, words, message):
        with pytest.raises(ValueError, match=message):
            Preprocess.from_dict(words)


class TestMany:
    @pytest.mark.parametrize(
        "preprocess",
        [
            Preprocess((28, 28), channels=1, pad=2, fill=3),
            Preprocess((28, 28)),
            Preprocess((32, 20), "squash", channels=1),
            Preprocess((28, 28), crop=0.5),
        ],
    )
    def test_as_one_by_one(self, data, photo, preprocess):
        import pyarrow.parquet as pq

        file = data / "mnist" / "mnist" / "test-00000-of-00001.parquet"
        blobs = pq.read_table(file)["image"].combine_chunks().field("bytes").to_pylist()[:20]
        sources = [b"", *blobs[:5], photo, b"not a picture", *blobs[5:]]
        pixels, errors = preprocess_many(preprocess, sources)
        assert {at: error.kind for at, error in errors.items()} == {0: "empty", 7: "not a picture"}
        good = [source for at, source in enumerate(sources) if at not in errors]
        expected = [preprocess(source)[:, :, : preprocess.channels] for source in good]
        np.testing.assert_array_equal(pixels, np.stack(expected))

    def test_colour_pngs(self):
        random = np.random.default_rng(0)
        blobs = []
        for _ in range(5):
            file = io.BytesIO()
            Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(file, "PNG")
            blobs.append(file.getvalue())
        for preprocess in (Preprocess((8, 8)), Preprocess((8, 8), channels=1)):
            pixels, _ = preprocess_many(preprocess, blobs)
            expected = [preprocess(blob)[:, :, : preprocess.channels] for blob in blobs]
            np.testing.assert_array_equal(pixels, np.stack(expected))

    def test_all_bad(self):
        pixels, errors = preprocess_many(Preprocess((8, 8)), [b"", b""])
        assert pixels.shape == (0, 8, 8, 3)
        assert len(errors) == 2
