"""Every usual form of a picture comes out as the same upright RGB; everything else is refused."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from hubel.pictures import PictureError, list_pictures, read_picture

RAMP = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8) * 5
COLOURS = np.stack([RAMP, RAMP[::-1], 255 - RAMP], axis=2)


def encoded(image: Image.Image, kind: str = "PNG", **words) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **words)
    return file.getvalue()


@pytest.fixture
def photo(data):
    return sorted((data / "hymenoptera" / "train" / "ants").glob("*.jpg"))[0]


def three(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, None], 3, axis=2)


class TestForms:
    def test_sources_of_one_file_agree(self, photo):
        blob = photo.read_bytes()
        expected = np.asarray(Image.open(photo).convert("RGB"))
        sources = [str(photo), photo, blob, bytearray(blob), memoryview(blob), io.BytesIO(blob)]
        for source in [*sources, Image.open(photo), expected]:
            np.testing.assert_array_equal(read_picture(source), expected)

    def test_an_open_file_stays_the_callers(self, photo):
        with photo.open("rb") as file:
            read_picture(file)
            assert not file.closed

    def test_the_result_may_be_changed(self, photo):
        picture = read_picture(photo)
        picture[:] = 0  # torch.from_numpy warns where it may not

    def test_grey(self):
        blob = encoded(Image.fromarray(RAMP))
        np.testing.assert_array_equal(read_picture(blob), three(RAMP))

    def test_one_bit(self):
        bits = RAMP > 100
        blob = encoded(Image.fromarray(bits))
        assert Image.open(io.BytesIO(blob)).mode == "1"
        np.testing.assert_array_equal(read_picture(blob), three(bits * np.uint8(255)))

    def test_palette(self):
        image = Image.fromarray(COLOURS).quantize(16)
        expected = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(read_picture(encoded(image)), expected)

    def test_palette_with_transparent_entries(self):
        image = Image.new("P", (2, 1))
        image.putpalette([200, 10, 20, 0, 0, 255])
        image.putdata([0, 1])
        blob = encoded(image, transparency=bytes([255, 0]))
        np.testing.assert_array_equal(read_picture(blob), [[[200, 10, 20], [255, 255, 255]]])

    def test_one_transparent_colour(self):
        image = Image.fromarray(np.array([[[9, 8, 7], [1, 2, 3]]], np.uint8))
        blob = encoded(image, transparency=(9, 8, 7))
        np.testing.assert_array_equal(read_picture(blob), [[[255, 255, 255], [1, 2, 3]]])

    @pytest.mark.parametrize("background", [0, 128, 255])
    def test_alpha_over_the_background(self, background):
        alpha = np.array([[0, 255, 51]], np.uint8)
        rgba = np.dstack([np.full((1, 3, 3), 100, np.uint8), alpha])
        expected = 100 * (alpha / 255) + background * (1 - alpha / 255)
        picture = read_picture(encoded(Image.fromarray(rgba)), background=background)
        assert np.abs(picture - expected[:, :, None]).max() <= 1
        np.testing.assert_array_equal(read_picture(rgba, background=background), picture)

    def test_grey_with_alpha(self):
        bands = [Image.new("L", (2, 1), 40), Image.new("L", (2, 1))]
        bands[1].putpixel((1, 0), 255)
        picture = read_picture(encoded(Image.merge("LA", bands)))
        np.testing.assert_array_equal(picture, [[[255] * 3, [40] * 3]])

    def test_cmyk(self):
        ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow make red
        for kind in ("JPEG", "TIFF"):
            picture = read_picture(encoded(ink, kind))
            assert np.abs(picture.astype(int) - [255, 0, 0]).max() <= 3

    def test_ycbcr(self):
        image = Image.fromarray(COLOURS).convert("YCbCr")
        expected = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(read_picture(encoded(image, "TIFF")), expected)

    def test_16_bit_grey_by_its_full_range(self):
        deep = np.array([[0, 128, 129, 257, 32768, 65407, 65535]], np.uint16)
        expected = three(np.rint(deep / 257).astype(np.uint8))
        for kind in ("PNG", "TIFF"):
            np.testing.assert_array_equal(
                read_picture(encoded(Image.fromarray(deep), kind)), expected
            )
        np.testing.assert_array_equal(read_picture(deep), expected)

    def test_big_endian_16_bit_grey(self):
        image = Image.frombytes("I;16B", (2, 1), struct.pack(">HH", 257, 65535))
        np.testing.assert_array_equal(read_picture(image), [[[1] * 3, [255] * 3]])

    def test_32_bit_integers_hold_16_bit_values(self):
        image = Image.fromarray(np.array([[0, 65535]], np.int32))
        assert image.mode == "I"
        np.testing.assert_array_equal(read_picture(encoded(image, "TIFF")), [[[0] * 3, [255] * 3]])
        wide = encoded(Image.fromarray(np.array([[0, 70000]], np.int32)), "TIFF")
        with pytest.raises(PictureError, match=r"values 0\.\.70000; .* 0\.\.65535"):
            read_picture(wide)

    def test_floating_point(self):
        image = Image.fromarray(np.array([[0, 0.5, 1]], np.float32))
        expected = [[[0] * 3, [128] * 3, [255] * 3]]
        np.testing.assert_array_equal(read_picture(encoded(image, "TIFF")), expected)
        np.testing.assert_array_equal(read_picture(np.array([[0, 0.5, 1]])), expected)

    def test_arrays(self):
        np.testing.assert_array_equal(read_picture(RAMP[:, :, None]), three(RAMP))
        np.testing.assert_array_equal(read_picture(RAMP > 9), three((RAMP > 9) * np.uint8(255)))
        np.testing.assert_array_equal(read_picture(COLOURS[:, ::-1]), COLOURS[:, ::-1])

    def test_a_phones_picture_with_a_second_view(self):
        first, second = Image.fromarray(COLOURS), Image.fromarray(COLOURS[::-1])
        blob = encoded(first, "MPO", save_all=True, append_images=[second])
        image = Image.open(io.BytesIO(blob))
        assert image.format == "MPO"
        assert image.n_frames == 2
        np.testing.assert_array_equal(read_picture(blob), np.asarray(image.convert("RGB")))


class TestOrientation:
    @given(st.integers(1, 8), st.sampled_from(["JPEG", "PNG", "TIFF", "WEBP"]))
    def test_all_eight(self, orientation, kind):
        exif = Image.Exif()
        exif[0x0112] = orientation
        words = {"exif": exif, "lossless": True} if kind == "WEBP" else {"exif": exif}
        blob = encoded(Image.fromarray(COLOURS), kind, **words)
        image = Image.open(io.BytesIO(blob))
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        np.testing.assert_array_equal(read_picture(blob), expected)

    def test_by_hand(self):
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: the stored left side is the top
        blob = encoded(Image.fromarray(COLOURS), exif=exif)
        np.testing.assert_array_equal(read_picture(blob), np.rot90(COLOURS, -1))

    @pytest.mark.parametrize("value", [0, 9, 65535])
    def test_impossible_values_leave_the_picture(self, value):
        exif = Image.Exif()
        exif[0x0112] = value
        blob = encoded(Image.fromarray(COLOURS), exif=exif)
        np.testing.assert_array_equal(read_picture(blob), COLOURS)

    def test_broken_metadata_do_not_matter(self):
        blob = encoded(Image.fromarray(COLOURS), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05garbage")
        np.testing.assert_array_equal(read_picture(blob), COLOURS)

    def test_16_bit_is_turned_too(self):
        exif = Image.Exif()
        exif[0x0112] = 3
        deep = RAMP.astype(np.uint16) * 257
        blob = encoded(Image.fromarray(deep), exif=exif)
        np.testing.assert_array_equal(read_picture(blob), three(RAMP[::-1, ::-1]))


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds almost nothing."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


class TestRefused:
    def refused(self, source, kind: str, message: str, **words) -> PictureError:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(PictureError, match=message) as caught:
                read_picture(source, **words)
        assert caught.value.kind == kind
        again = pickle.loads(pickle.dumps(caught.value))  # it comes back from other processes
        assert (again.name, again.kind, str(again)) == (
            caught.value.name,
            caught.value.kind,
            str(caught.value),
        )
        return caught.value

    def test_empty(self, tmp_path):
        file = tmp_path / "nothing here.jpg"
        file.touch()
        error = self.refused(file, "empty", r"nothing here\.jpg: is empty \(0 bytes\); restore")
        assert error.name == str(file)

    def test_text(self, tmp_path):
        file = tmp_path / "Übersicht ümläut 猫.jpg"
        file.write_text("This is a letter, not a picture.")
        error = self.refused(file, "not a picture", "is not a picture in a known format; remove")
        assert error.name == str(file)

    def test_truncated(self, photo):
        blob = photo.read_bytes()
        for share in (0.3, 0.6, 0.99):
            self.refused(blob[: int(len(blob) * share)], "truncated", "is truncated; restore it")

    def test_every_cut_of_a_file_is_refused_or_read(self):
        """No cut gets anything else out of the decoders than a picture or a PictureError."""
        kinds = set()
        for form in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"):
            blob = encoded(Image.fromarray(COLOURS), form)
            for length in range(0, len(blob), 7):
                try:
                    assert read_picture(blob[:length]).shape == COLOURS.shape
                except PictureError as error:
                    kinds.add(error.kind)
        assert kinds == {"empty", "not a picture", "truncated", "damaged"}

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "BMP", "WEBP"])
    @given(where=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
    def test_every_changed_byte_is_refused_or_read(self, kind, where, value):
        exif = Image.Exif()
        exif[0x0112] = 6
        words = {} if kind in ("GIF", "BMP") else {"exif": exif}
        blob = bytearray(encoded(Image.fromarray(COLOURS), kind, **words))
        blob[int(where * len(blob))] = value
        try:
            picture = read_picture(bytes(blob), max_pixels=10_000)
        except PictureError:
            return
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3

    def test_20000_by_20000(self, tmp_path):
        file = tmp_path / "vast.png"
        file.write_bytes(png_header(20_000, 20_000))
        message = (
            r"is too large \(20,000 x 20,000\); the limit is 100,000,000 pixels; make it smaller"
        )
        self.refused(file, "too large", message)

    def test_the_limit_can_be_lowered_and_raised(self):
        self.refused(COLOURS_PNG, "too large", "the limit is 47 pixels", max_pixels=47)
        assert read_picture(COLOURS_PNG, max_pixels=48).shape == (6, 8, 3)
        # Here Pillow itself would warn, or refuse: only the missing pixels are in the way.
        for width, height in ((12_000, 8_000), (20_000, 20_000)):
            blob = png_header(width, height)
            self.refused(blob, "truncated", "is truncated", max_pixels=400_000_000)
        assert Image.MAX_IMAGE_PIXELS is not None

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
    def test_animated(self, kind):
        first, second = Image.fromarray(COLOURS), Image.fromarray(COLOURS[::-1])
        blob = encoded(first, kind, save_all=True, append_images=[second])
        self.refused(blob, "animated", "holds 2 pictures, not one; save the one you mean")

    def test_a_still_gif_is_a_picture(self):
        assert read_picture(encoded(Image.fromarray(COLOURS), "GIF")).shape == (6, 8, 3)

    def test_a_folder(self, tmp_path):
        self.refused(tmp_path, "folder", "is a folder; name the picture files in it")

    def test_a_missing_file(self, tmp_path):
        (tmp_path / "kitten.jpg").write_bytes(b"")
        self.refused(
            tmp_path / "kiten.jpg", "missing", r"does not exist; did you mean 'kitten\.jpg'"
        )
        self.refused(tmp_path / "no" / "where.jpg", "missing", "does not exist; check the path")

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
    def test_a_dangling_link(self, tmp_path):
        link = tmp_path / "a link.jpg"
        link.symlink_to(tmp_path / "gone.jpg")
        self.refused(
            link, "dangling link", r"is a link to .*gone\.jpg, which does not exist; restore"
        )

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros((3, 8, 8), np.uint8), r"shape \(3, 8, 8\); arrays are \(H, W\)"),
            (np.zeros((0, 8, 3), np.uint8), r"shape \(0, 8, 3\)"),
            (np.zeros(8, np.uint8), r"shape \(8,\)"),
            (np.zeros((8, 8), np.int64), "type int64; give uint8"),
            (np.zeros((8, 8), complex), "type complex128"),
            (np.full((8, 8), 255.0), r"values 255\.\.255; floating point has the range 0\.\.1"),
            (np.full((8, 8), np.nan), r"values nan\.\.nan"),
            (-np.ones((8, 8)), r"values -1\.\.-1"),
        ],
    )
    def test_arrays(self, array, message):
        with pytest.raises(PictureError, match=message):
            read_picture(array)

    def test_colours_that_have_no_rgb(self):
        self.refused(Image.new("La", (4, 4)), "unsupported mode", "colour mode La; save it as RGB")

    def test_something_else(self):
        self.refused(3, "not a picture", "int given; a picture is a path, bytes")


COLOURS_PNG = encoded(Image.fromarray(COLOURS))


class TestList:
    def test_sorted_and_without_the_hidden(self, tmp_path):
        for name in (
            "b.JPG",
            "a/2.png",
            "a/1.png",
            ".hidden.png",
            ".git/x.png",
            "notes.txt",
            "ä.webp",
        ):
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.touch()
        found = [file.relative_to(tmp_path).as_posix() for file in list_pictures(tmp_path)]
        assert found == ["a/1.png", "a/2.png", "b.JPG", "ä.webp"]

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
    def test_links_are_followed_once(self, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "1.png").touch()
        (tmp_path / "real" / "back").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "other.png").symlink_to(tmp_path / "gone.png")
        found = [file.relative_to(tmp_path).as_posix() for file in list_pictures(tmp_path)]
        assert found == ["other.png", "real/1.png"]


def stored(image: Image.Image, kind: str, **words) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **words)
    return file.getvalue()


@pytest.fixture(scope="module")
def photograph(data) -> Image.Image:
    """Of 1024 x 768 pixels."""
    file = data / "superres/Sun_Hays80/abbey_sun_asztnlqhlrvirneh.jpg"
    return Image.open(file).convert("RGB").crop((0, 0, 1024, 768))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_an_end_is_refused(photograph, progressive):
    """Pillow finds most of them truncated; where it made up the rest, the missing end tells."""
    kinds = set()
    for image in (photograph, photograph.resize((64, 48))):
        words = {"quality": 90, "progressive": progressive, "comment": b"\xff\xd9 is no end here"}
        content = stored(image, "jpeg", **words)
        for good in (content, content + b"a film follows"):
            assert read_picture(good).shape == (image.height, image.width, 3)
        half = len(content) // 2
        for spoilt in (content[:-300] + bytes(300), content[:half] + bytes(half)):
            with pytest.raises(PictureError, match="restore it from its source") as caught:
                read_picture(spoilt)
            kinds.add(caught.value.kind)
    assert kinds <= {"cut short", "truncated"}
    assert progressive or "cut short" in kinds


class TestAtAFraction:
    """`least`: as small as leaves so many pixels a side."""

    @pytest.mark.parametrize("kind", ["jpeg", "png"])
    @pytest.mark.parametrize(
        ("least", "k"), [(769, 1), (385, 1), (384, 2), (193, 2), (192, 4), (96, 8), (1, 8)]
    )
    def test_the_largest_that_fits(self, photograph, kind, least, k):
        content = stored(photograph, kind)
        assert read_picture(content, least=least).shape == (768 // k, 1024 // k, 3)

    @pytest.mark.parametrize("kind", ["jpeg", "png"])
    def test_sides_are_rounded_up(self, photograph, kind):
        content = stored(photograph.crop((0, 0, 333, 219)), kind)
        assert read_picture(content, least=50).shape == (55, 84, 3)

    @pytest.mark.parametrize("k", [2, 4, 8])
    def test_how_far_from_full_decoding(self, photograph, k):
        """Of a JPEG, against the means of k x k pixels of the whole; docs/data.md says so."""
        content = stored(photograph, "jpeg", quality=90)
        means = np.asarray(Image.fromarray(read_picture(content)).reduce(k)).astype(int)
        apart = np.abs(read_picture(content, least=768 // k).astype(int) - means)
        assert apart.mean() < 1.5
        assert np.quantile(apart, 0.99) <= 8

    def test_upright_grey_transparent(self, photograph):
        exif = Image.Exif()
        exif[0x0112] = 6
        assert read_picture(stored(photograph, "jpeg", exif=exif), least=300).shape == (512, 384, 3)
        assert read_picture(stored(photograph.convert("L"), "jpeg"), least=300).shape[:2] == (
            384,
            512,
        )
        assert read_picture(photograph.convert("RGBA"), least=300).shape == (384, 512, 3)
        assert read_picture(np.asarray(photograph), least=300).shape == (384, 512, 3)

    def test_a_picture_of_ones_own_is_not_changed(self, photograph):
        image = Image.open(io.BytesIO(stored(photograph, "jpeg")))
        assert read_picture(image, least=300).shape == (384, 512, 3)
        assert image.size == (1024, 768)

    def test_a_damaged_file_is_found(self, photograph):
        content = stored(photograph, "jpeg")
        with pytest.raises(PictureError) as caught:
            read_picture(content[: len(content) // 2], least=1)
        assert caught.value.kind == "truncated"
