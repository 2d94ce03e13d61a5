"""Many pictures at once, the bad ones set aside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hubel.pictures.png import read_alike
from hubel.pictures.preprocess import Preprocess
from hubel.pictures.read import PictureError, Readable


def preprocess_many(
    preprocess: Preprocess, sources: Sequence[Readable]
) -> tuple[np.ndarray, dict[int, PictureError]]:
    """What `preprocess` makes of each source, uint8 (n, H, W, channels), in order.

    The pictures that cannot be used are missing from the array; their positions lead to the errors.
    """
    height, width = preprocess.input_size
    out = np.empty((len(sources), height, width, preprocess.channels), np.uint8)
    good = np.ones(len(sources), bool)
    errors: dict[int, PictureError] = {}

    positions, pixels = read_alike(sources)
    alike: dict[int, np.ndarray] = {}
    if pixels.shape[3] <= preprocess.channels and preprocess.keeps(pixels.shape[1:3]):
        out[positions] = preprocess.bordered(pixels)  # grey fills three equal channels
        remaining = np.setdiff1d(np.arange(len(sources)), positions)
    else:
        alike = dict(zip(positions.tolist(), pixels))
        remaining = np.arange(len(sources))
    for position in remaining.tolist():
        try:
            picture = preprocess(alike.get(position, sources[position]))
            out[position] = picture[:, :, : preprocess.channels]
        except PictureError as error:
            good[position] = False
            errors[position] = error
    return out if good.all() else out[good], errors
