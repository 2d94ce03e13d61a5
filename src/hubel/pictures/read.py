"""A picture in any of its usual forms -> an upright RGB array."""

from __future__ import annotations

import difflib
import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

_NAMES = "avif bmp gif jfif jpe jpeg jpg pbm pgm png pnm ppm tga tif tiff webp"
SUFFIXES = frozenset(f".{name}" for name in _NAMES.split())
"""What `list_pictures` takes for a picture file."""

MAX_PIXELS = 100_000_000

Readable = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | np.ndarray
)
"""What can be read as a picture: a path, bytes, an open file, a PIL picture, an array."""

_QUIET = threading.RLock()


class PictureError(ValueError):
    """A picture that cannot be used.

    `name` says which one, `kind` in a word or two why (empty, truncated, not a picture, too large,
    animated, ...), `message` why and what to do about it.
    """

    def __init__(self, name: str, kind: str, message: str):
        super().__init__(name, kind, message)  # all three, so that it survives pickling
        self.name, self.kind, self.message = name, kind, message

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"


def list_pictures(folder: str | os.PathLike[str]) -> list[Path]:
    """All picture files (by suffix) in a folder and below, sorted the same way on every system.

    Hidden files and folders are passed over; links are followed, each folder once.
    """
    found, seen = [], set()
    for where, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(where, name)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return sorted(found, key=lambda path: path.as_posix())


def read_picture(
    source: Readable,
    *,
    max_pixels: int = MAX_PIXELS,
    background: int = 255,
    least: int | None = None,
) -> np.ndarray:
    """Any usual picture as an upright RGB array, uint8 (H, W, 3).

    EXIF orientation is applied. Palette, grey, 1-bit, CMYK and YCbCr pictures are converted by
    Pillow without colour profiles. Transparent pixels are laid over a background of the given
    grey. 16-bit grey (and Pillow's 32-bit integers, which must be 16-bit values) is scaled by its
    full range, 0..65535 -> 0..255, rounded; floating point by 0..1 -> 0..255, rounded, and refused
    outside 0..1. Of 16-bit colours Pillow keeps the high byte.

    Arrays are (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), of bool, uint8, uint16 or floating point,
    taken as upright and scaled the same way.

    With `least` the picture comes at 1/k of its size, rounded up, where k is the largest of 1, 2, 4
    and 8 that leaves both sides at least so many pixels: JPEGs by libjpeg's scaled inverse cosine
    transform, which saves most of the work of decoding, all others by the means of k x k pixels.

    The pixel limit is checked against the header, before anything is decoded. Raises PictureError
    for whatever cannot be used: an animation is refused because it is many pictures, not one.
    """
    if isinstance(source, np.ndarray):
        return _reduced(_flatten(_from_array(source), "array", background), least)
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "")) or "picture"
        with quiet():
            frames = _frames(source)
        return _reduced(_decode(source, name, frames, max_pixels, background), least)
    file, name = open_source(source)
    with file:
        try:
            with quiet():
                image = open_image(file)
                frames = _frames(image)
        except Image.UnidentifiedImageError:
            raise not_a_picture(file, name) from None
        except Exception as error:  # a damaged header makes the readers raise anything
            raise _damaged(name, error) from None
        with image:
            if image.format not in _JPEG:
                return _reduced(_decode(image, name, frames, max_pixels, background), least)
            picture = _decode(image, name, frames, max_pixels, background, least)
            file.seek(0)
            if not _ends(file.read()):
                message = "is a JPEG without an end, its last rows are made up; restore it"
                raise PictureError(name, "cut short", f"{message} from its source")
            return picture


_USUAL = ("JPEG", "PNG", "GIF", "BMP", "PPM")
_OTHERS = ("WEBP", "TIFF", "AVIF", "JPEG2000", "ICO", "TGA", "PCX", "SGI", "DDS", "HEIF")


def open_image(file: BinaryIO) -> Image.Image:
    """Pillow's picture by a reader of pixels only: others start programs, as that of EPS does."""
    try:
        return Image.open(file, formats=_USUAL)
    except Image.UnidentifiedImageError:
        Image.init()
        file.seek(0)
        return Image.open(file, formats=[name for name in _OTHERS if name in Image.OPEN])


_JPEG = ("JPEG", "MPO")


def _ends(jpeg: bytes) -> bool:
    """Whether the pixels of a JPEG are followed by its end mark (ITU-T T.81, annex B).

    Decoders make up what is missing: a file filled up with zeros would be a picture with grey rows.
    """
    at = 2
    while jpeg[at : at + 1] == b"\xff" and jpeg[at + 1 : at + 2] != b"\xda":  # up to the first scan
        filled = jpeg[at + 1 : at + 2] == b"\xff"
        at += 1 if filled else 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg.rfind(b"\xff\xd9", at) >= 0


def _reduced(picture: np.ndarray, least: int | None) -> np.ndarray:
    """By 1/k, as `read_picture` says."""
    room = min(picture.shape[:2]) // least if least else 1
    k = next(k for k in (8, 4, 2, 1) if room >= k or k == 1)
    return np.array(Image.fromarray(picture).reduce(k)) if k > 1 else picture


def _frames(image: Image.Image) -> int:
    # The further pictures inside a phone's MPO file are views of the first; it is a JPEG.
    return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def open_source(source: Any) -> tuple[BinaryIO, str]:
    """An open binary file at its start, and what to call it."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source), "bytes"
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            return path.open("rb"), str(path)
        except (IsADirectoryError, PermissionError, FileNotFoundError) as error:
            raise _no_file(path, error) from None
        except OSError as error:
            message = f"cannot be opened ({error.strerror}); check the path"
            raise PictureError(str(path), "unreadable", message) from None
    if hasattr(source, "read"):
        # A copy, because the caller keeps the file: closing it is not ours.
        return io.BytesIO(source.read()), str(getattr(source, "name", "file"))
    rule = "a picture is a path, bytes, an open binary file, a PIL picture or an array"
    raise PictureError(repr(source), "not a picture", f"{type(source).__name__} given; {rule}")


def _no_file(path: Path, error: OSError) -> PictureError:
    name = str(path)
    if path.is_dir():  # Windows reports a folder as a missing permission
        return PictureError(name, "folder", "is a folder; name the picture files in it")
    if path.is_symlink() and not path.exists():
        target = path.readlink()
        message = (
            f"is a link to {target}, which does not exist; restore the file or remove the link"
        )
        return PictureError(name, "dangling link", message)
    if isinstance(error, PermissionError):
        return PictureError(name, "unreadable", "may not be read; change its permissions")
    message = "does not exist; check the path"
    if path.parent.is_dir():
        beside = [other.name for other in path.parent.iterdir()]
        near = difflib.get_close_matches(path.name, beside, n=3)
        if near:
            message = f"does not exist; did you mean {' or '.join(map(repr, near))}?"
    return PictureError(name, "missing", message)


def _decode(
    image: Image.Image,
    name: str,
    frames: int,
    max_pixels: int,
    background: int,
    least: int | None = None,
) -> np.ndarray:
    if image.width * image.height > max_pixels:
        raise PictureError(name, "too large", _too_large(image.size, max_pixels))
    if frames > 1:
        message = f"holds {frames} pictures, not one; save the one you mean as PNG or JPEG"
        raise PictureError(name, "animated", message)
    try:
        if least:
            image.draft(None, (least, least))  # JPEG: exactly the k of `read_picture`
        image.load()
        upright = _UPRIGHT.get(orientation(image), np.asarray)
        if image.mode == "I":
            image = _from_array(_as_uint16(np.asarray(image), name), name)
        elif image.mode == "F" or image.mode.startswith("I;"):
            image = _from_array(np.asarray(image), name)
        return np.ascontiguousarray(upright(_flatten(image, name, background)))
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # a damaged file makes the decoders raise anything
        raise _damaged(name, error) from None


_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # by EXIF's orientation
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def orientation(image: Image.Image) -> int:
    """EXIF's, 1 where there is none."""
    try:
        with quiet():
            return image.getexif().get(0x0112, 1)
    except Exception:  # broken metadata do not make a picture unusable
        return 1


def _flatten(image: Image.Image, name: str, background: int) -> np.ndarray:
    """A picture of 8-bit channels -> RGB array, transparent pixels over the background."""
    mode = image.mode
    try:
        if image.has_transparency_data:
            behind = Image.new("RGBA", image.size, (background,) * 3 + (255,))
            image = Image.alpha_composite(behind, image.convert("RGBA"))
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))
    except ValueError:
        message = f"has the colour mode {mode}; save it as RGB or grey"
        raise PictureError(name, "unsupported mode", message) from None


def _from_array(array: np.ndarray, name: str = "array") -> Image.Image:
    """An array of any usual shape and type -> a picture of 8-bit channels."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))) or not array.size:
        rule = "arrays are (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
        raise PictureError(name, "wrong shape", f"has shape {array.shape}; {rule}")
    return Image.fromarray(as_uint8(array, name))


def as_uint8(array: np.ndarray, name: str = "array") -> np.ndarray:
    """Pixels of bool, uint16 or floating point -> uint8, scaled as `read_picture` says."""
    if array.dtype == bool:
        array = array * np.uint8(255)
    elif array.dtype.kind == "u" and array.dtype.itemsize == 2:
        array = (array.astype(np.uint32) + 128) // 257
    elif array.dtype.kind == "f":
        if not (array.min() >= 0 and array.max() <= 1):  # NaN fails both
            values = f"{array.min():g}..{array.max():g}"
            rule = "floating point has the range 0..1; scale it to that"
            raise PictureError(name, "out of range", f"has values {values}; {rule}")
        array = np.rint(array * 255)
    elif array.dtype != np.uint8:
        message = f"has elements of type {array.dtype}; give uint8, uint16 or floating point"
        raise PictureError(name, "wrong type", message)
    return np.ascontiguousarray(array, np.uint8)


def _as_uint16(array: np.ndarray, name: str) -> np.ndarray:
    low, high = array.min(), array.max()
    if low < 0 or high > 65535:
        rule = "grey of 32 bits must hold 16-bit values, 0..65535; scale it to them"
        raise PictureError(name, "out of range", f"has values {low}..{high}; {rule}")
    return array.astype(np.uint16)


@contextmanager
def quiet() -> Iterator[None]:
    """Read headers without Pillow's warnings of odd metadata, and under our own pixel limit.

    Both are one value for all threads, hence the lock; pixels are decoded outside of it.
    """
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _too_large(size: tuple[int, int], max_pixels: int) -> str:
    rule = f"the limit is {max_pixels:,} pixels; make it smaller"
    return f"is too large ({size[0]:,} x {size[1]:,}); {rule}"


def not_a_picture(file: BinaryIO, name: str) -> PictureError:
    """The error for a file that no reader knows."""
    file.seek(0)
    if not file.read(1):
        return PictureError(name, "empty", "is empty (0 bytes); restore or remove it")
    message = "is not a picture in a known format; remove it or save it as PNG or JPEG"
    return PictureError(name, "not a picture", message)


def _damaged(name: str, error: Exception) -> PictureError:
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return PictureError(name, "truncated", "is truncated; restore it from its source")
    reason = " ".join(str(error).split()) or type(error).__name__
    return PictureError(name, "damaged", f"is damaged ({reason}); restore it from its source")
