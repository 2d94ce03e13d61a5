"""One look at every picture of a data set: what of it is needed to judge the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from hubel.data.likeness import SIDE
from hubel.data.types import Finding, Source, labels
from hubel.pictures import PictureError, read_picture, resize
from hubel.pictures.header import Header, read_header
from hubel.pictures.png import read_alike
from hubel.pictures.read import Readable
from hubel.runtime.machine import cores

_TOGETHER = 256  # pictures a thread looks at before it hands them over
_SAMPLE = 256  # rows and columns of a picture that mean and deviation are taken from, at most


@dataclass(frozen=True, eq=False)
class Look:
    """A readable picture: `index` in its part, `size` (height, width) as it is seen upright.

    `digest` is the same for the same pixels, however they are stored. `mean` and `square` are those
    of its values and their squares in 0..1, per channel (3,). `thumb` is uint8 (32, 32), grey.
    `labels` are class numbers.
    """

    part: str
    index: int
    name: str
    labels: tuple[int, ...]
    size: tuple[int, int]
    digest: bytes
    thumb: np.ndarray
    mean: np.ndarray
    square: np.ndarray
    flat: bool
    grey: bool
    header: Header


def survey(part: str, source: Source) -> tuple[list[Look], list[Finding]]:
    """Look at all pictures of a source, in order; those that cannot be read become findings."""
    looks: list[Look] = []
    findings: list[Finding] = []
    starts = range(0, len(source), _TOGETHER)
    # Threads help with files; over pictures in memory they only wait for each other.
    files = len(source) > 0 and isinstance(source.read(0), (str, Path))
    with ThreadPoolExecutor(cores() if files else 1) as pool:
        for found, bad in pool.map(lambda start: _look_at(part, source, start), starts):
            looks += found
            findings += bad
    return looks, findings


def _look_at(part: str, source: Source, start: int) -> tuple[list[Look], list[Finding]]:
    readable = [source.read(i) for i in range(start, min(start + _TOGETHER, len(source)))]
    looks, findings = [], []
    for at, pixels, header in _pixels(readable):
        index = start + at
        name = source.names[index]
        if isinstance(pixels, PictureError):
            findings.append(Finding(name, pixels.kind, pixels.message))
        else:
            looks.append(_look(part, index, name, labels(source.targets[index]), pixels, header))
    return looks, findings


def _pixels(
    readable: list[Readable],
) -> Iterator[tuple[int, np.ndarray | PictureError, Header]]:
    """Place, uint8 (H, W, 1 or 3) or the error, and header of each."""
    places, alike = read_alike(readable)
    plain = dict(zip(places.tolist(), alike))
    for at, source in enumerate(readable):
        if at in plain:
            yield at, plain[at], Header("PNG", "L" if plain[at].shape[2] == 1 else "RGB")
            continue
        try:
            yield at, read_picture(source), read_header(source)
        except PictureError as error:
            yield at, error, Header("", "")


def _look(
    part: str, index: int, name: str, labels: tuple[int, ...], pixels: np.ndarray, header: Header
) -> Look:
    height, width = pixels.shape[:2]
    if pixels.shape[2] == 3 and _is_grey(pixels[::8, ::8]) and _is_grey(pixels):
        pixels = np.ascontiguousarray(pixels[:, :, :1])
    grey = pixels.shape[2] == 1
    digest = hashlib.blake2b(f"{pixels.shape}".encode(), digest_size=16)
    digest.update(pixels.data)
    image = Image.fromarray(pixels[:, :, 0] if grey else pixels).convert("L")
    tall, wide = (-(-side // _SAMPLE) for side in (height, width))
    sample = pixels[::tall, ::wide].reshape(-1, pixels.shape[2]) / np.float32(255)
    return Look(
        part=part,
        index=index,
        name=name,
        labels=labels,
        size=(height, width),
        digest=digest.digest(),
        thumb=resize(np.asarray(image), (SIDE, SIDE)),
        mean=np.broadcast_to(sample.mean(axis=0), 3),
        square=np.broadcast_to((sample * sample).mean(axis=0), 3),
        flat=bool((pixels == pixels[0, 0]).all()),
        grey=grey,
        header=header,
    )


def _is_grey(pixels: np.ndarray) -> bool:
    return bool((pixels[..., :2] == pixels[..., 1:]).all())
