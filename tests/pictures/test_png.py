"""The fast way through tiny PNGs gives Pillow's pixels, or leaves the picture to Pillow."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hubel.pictures.png import read_alike


def chunk(name: bytes, content: bytes) -> bytes:
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(lines: np.ndarray, filters: np.ndarray, colour: int, extra: bytes = b"") -> bytes:
    """A PNG of filtered lines (H, W, C), whatever picture that makes."""
    height, width = lines.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    raw = np.concatenate([filters[:, None], lines.reshape(height, -1)], axis=1).astype(np.uint8)
    packed = zlib.compress(raw.tobytes())
    parts = chunk(b"IDAT", packed[:20]) + chunk(b"IDAT", packed[20:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + parts + chunk(b"IEND", b"")


def by_pillow(blob: bytes) -> np.ndarray:
    pixels = np.asarray(Image.open(io.BytesIO(blob)))
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([1, 3]),
)
def test_every_filter_as_pillow_undoes_it(seed, count, height, width, channels):
    random = np.random.default_rng(seed)
    blobs = [
        png(
            random.integers(0, 256, (height, width, channels)),
            random.integers(0, 5, height),
            colour=0 if channels == 1 else 2,
        )
        for _ in range(count)
    ]
    positions, pixels = read_alike(blobs)
    assert positions.tolist() == list(range(count))
    np.testing.assert_array_equal(pixels, np.stack([by_pillow(blob) for blob in blobs]))


LINES, NONE = np.zeros((4, 4, 1)), np.zeros(4, int)
PLAIN = png(LINES, NONE, colour=0)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        PLAIN[:20],
        PLAIN[:-20],
        png(LINES, NONE, colour=0, extra=chunk(b"tRNS", b"\0\0")),
        png(LINES, NONE, colour=0, extra=chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0")),
        png(LINES, NONE + 5, colour=0),
        png(LINES[:3], NONE[:3], colour=0),
        png(np.zeros((4, 4, 4)), NONE, colour=6),
        png(np.zeros((4, 4, 1)), NONE, colour=3),
        png(np.zeros((200, 4, 1)), np.zeros(200, int), colour=0),
        PLAIN.replace(PLAIN[41:49], bytes(8)),
        "a path.png",
        None,
    ],
)
def test_what_is_not_plain_and_alike_is_left_to_pillow(blob):
    positions, pixels = read_alike([blob, PLAIN, blob])
    expected = [0, 2] if blob == png(LINES[:3], NONE[:3], colour=0) else [1]
    assert positions.tolist() == expected
    assert len(pixels) == len(expected)


def test_nothing_plain_at_all():
    positions, pixels = read_alike([b"", b"x"])
    assert len(positions) == len(pixels) == 0


def test_mnist(data):
    import pyarrow.parquet as pq

    file = data / "mnist" / "mnist" / "test-00000-of-00001.parquet"
    blobs = pq.read_table(file)["image"].combine_chunks().field("bytes").to_pylist()[::10]
    positions, pixels = read_alike(blobs)
    assert len(positions) == 1000
    np.testing.assert_array_equal(pixels, np.stack([by_pillow(blob) for blob in blobs]))
