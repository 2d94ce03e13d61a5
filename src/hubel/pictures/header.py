"""What a picture's file says of it before it is decoded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from hubel.pictures.read import PictureError, Readable, _open_source, _orientation, _quiet


class Header(NamedTuple):
    """`format` is JPEG, PNG, ... or array; `mode` Pillow's colour mode, RGBA too where a palette
    or grey picture has transparent pixels; `orientation` EXIF's 1..8, 1 where it is upright.
    `whole` is False for a JPEG whose pixels do not end: decoders may fill up the rest in silence.
    `size` is (height, width) of the upright picture.
    """

    format: str
    mode: str
    orientation: int = 1
    whole: bool = True
    size: tuple[int, int] = (0, 0)


def read_header(source: Readable) -> Header:
    """The header of a picture that `read_picture` has read; its errors are told there."""
    if isinstance(source, np.ndarray):
        depth = source.shape[2] if source.ndim == 3 else 1
        return Header("array", {1: "L", 3: "RGB", 4: "RGBA"}.get(depth, "?"), size=source.shape[:2])
    if isinstance(source, Image.Image):
        return _header(source)
    file, name = _open_source(source)
    with file:
        try:
            with _quiet():
                image = Image.open(file)
        except Exception as error:
            raise PictureError(name, "damaged", f"is damaged ({error}); restore it") from None
        with image:
            header = _header(image)
            if image.format == "JPEG":
                file.seek(0)
                header = header._replace(whole=_ends(file.read()))
            return header


def _ends(jpeg: bytes) -> bool:
    """Whether the pixels of a JPEG are followed by its end mark (ITU-T T.81, annex B)."""
    at = 2
    while jpeg[at : at + 1] == b"\xff" and jpeg[at + 1 : at + 2] != b"\xda":  # up to the first scan
        filled = jpeg[at + 1 : at + 2] == b"\xff"
        at += 1 if filled else 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg.find(b"\xff\xd9", at) >= 0


def _header(image: Image.Image) -> Header:
    mode = "RGBA" if image.has_transparency_data else image.mode
    turned = _orientation(image)
    turned = turned if turned in range(1, 9) else 1
    width, height = image.size
    size = (width, height) if turned > 4 else (height, width)  # from 5 on it lies on its side
    return Header(image.format or "picture", mode, turned, size=size)
