"""What a picture's file says of it before it is decoded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from hubel.pictures.read import (
    PictureError,
    Readable,
    not_a_picture,
    open_image,
    open_source,
    orientation,
    quiet,
)


class Header(NamedTuple):
    """`format` is JPEG, PNG, ... or array; `mode` Pillow's colour mode, RGBA too where a palette
    or grey picture has transparent pixels; `orientation` EXIF's 1..8, 1 where it is upright.
    `size` is (height, width) of the upright picture.
    """

    format: str
    mode: str
    orientation: int = 1
    size: tuple[int, int] = (0, 0)


def read_header(source: Readable) -> Header:
    """The header of a picture that `read_picture` has read; its errors are told there."""
    if isinstance(source, np.ndarray):
        depth = source.shape[2] if source.ndim == 3 else 1
        return Header("array", {1: "L", 3: "RGB", 4: "RGBA"}.get(depth, "?"), size=source.shape[:2])
    if isinstance(source, Image.Image):
        return _header(source)
    file, name = open_source(source)
    with file:
        try:
            with quiet():
                image = open_image(file)
        except Image.UnidentifiedImageError:
            raise not_a_picture(file, name) from None
        except Exception as error:
            raise PictureError(name, "damaged", f"is damaged ({error}); restore it") from None
        with image:
            return _header(image)


def _header(image: Image.Image) -> Header:
    mode = "RGBA" if image.has_transparency_data else image.mode
    turned = orientation(image)
    turned = turned if turned in range(1, 9) else 1
    width, height = image.size
    size = (width, height) if turned > 4 else (height, width)  # from 5 on it lies on its side
    return Header(image.format or "picture", mode, turned, size=size)
