"""What a stranger's file must be before it is decoded: known by its first bytes, of bounded work.

A decoder trusts its file: some formats are programs, a small file can unfold into hours of work.
`read_picture` takes whatever its user has; a service takes what passes here.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from PIL import Image

from hubel.pictures.read import PictureError, orientation, quiet

FORMATS = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "BMP": re.compile(rb"BM"),
    "TIFF": re.compile(rb"II\*\0|MM\0\*"),
    "AVIF": re.compile(rb"....ftyp(avif|avis|mif1)", re.DOTALL),
    "PPM": re.compile(rb"P[1-6]\s"),
}
"""Formats of pixels only, by how their files begin. EPS and its like, which run, are none."""

BLOCKS = 2000  # of metadata in front of the pixels; each costs the reader a turn of Python
SCANS = 200  # of a progressive JPEG: each goes over all of the picture again, for a few bytes


def admit(data: bytes, max_pixels: int) -> tuple[int, int]:
    """The (height, width) of the upright picture in these bytes, decoded by nothing yet.

    Raises PictureError, its kind "not a picture" for what is none of FORMATS, "too large" beyond
    the pixels, "animated", "overloaded" for more metadata or scans than any camera writes, and
    "damaged" where the header makes no sense.
    """
    name = next((name for name, start in FORMATS.items() if start.match(data)), None)
    if name is None:
        raise _unknown(data)
    if name in _WALKS and sum(1 for _ in _WALKS[name](data)) >= BLOCKS:
        message = f"has {BLOCKS:,} blocks of metadata or more; save it again without them"
        raise PictureError("picture", "overloaded", message)
    if name == "JPEG" and data.count(b"\xff\xda") > SCANS + len(data) // 2**14:
        message = f"is a JPEG of more than {SCANS} scans; save it again as a plain one"
        raise PictureError("picture", "overloaded", message)
    try:
        with quiet(), Image.open(io.BytesIO(data), formats=[name]) as image:
            (width, height), several = image.size, getattr(image, "is_animated", False)
            fits = width * height <= max_pixels
            # Asked for EXIF that is not in front of its pixels, a PNG decodes them.
            known = name != "PNG" or "exif" in image.info
            turned = fits and known and orientation(image) in (5, 6, 7, 8)
    except Exception as error:  # a damaged header makes the readers raise anything
        said = " ".join(str(error).split())
        reason = said if said and "<" not in said else "its header makes no sense"
        message = f"is damaged ({reason}); restore it from its source"
        raise PictureError("picture", "damaged", message) from None
    if not fits:
        message = (
            f"is too large ({width:,} x {height:,}); the limit is {max_pixels:,} pixels; "
            "make it smaller"
        )
        raise PictureError("picture", "too large", message)
    if several:
        message = "holds several pictures, not one; save the one you mean as PNG or JPEG"
        raise PictureError("picture", "animated", message)
    return (width, height) if turned else (height, width)


def _unknown(data: bytes) -> PictureError:
    if not data:
        return PictureError("picture", "empty", "is empty (0 bytes); send the file's bytes")
    if re.match(rb"(\xef\xbb\xbf)?\s*<", data):
        what = "is text with tags (SVG, HTML or XML), not pixels; send it as PNG or JPEG"
    else:
        what = f"is not a picture in a known format; send {', '.join(FORMATS)}"
    return PictureError("picture", "not a picture", what)


def _png(data: bytes) -> Iterator[bytes]:
    """The chunks of a PNG up to its pixels, BLOCKS at most."""
    at = 8
    for _ in range(BLOCKS):
        kind = data[at + 4 : at + 8]
        if len(kind) < 4 or kind == b"IDAT":
            return
        yield kind
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _jpeg(data: bytes) -> Iterator[bytes]:
    """The segments of a JPEG up to its first scan, BLOCKS at most."""
    at = 2
    for _ in range(BLOCKS):
        kind = data[at : at + 2]
        if len(kind) < 2 or kind == b"\xff\xda":
            return
        yield kind
        filled = kind[1:] == b"\xff"
        at += 1 if filled else 2 + int.from_bytes(data[at + 2 : at + 4], "big")


_WALKS = {"PNG": _png, "JPEG": _jpeg}
