"""Super-resolution: what a network gives for a picture, in tiles -> the enlarged picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hubel.pictures.preprocess import FILTERS, Preprocess

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""The network: pictures uint8 (N, H, W, 3) -> values (N, C, scale H, scale W)."""

TILE = 256
"""Longest side, in pixels of the small picture, that goes through the network at once."""

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def enlarge(
    run: Run, picture: NDArray[np.uint8], preprocess: Preprocess, *, scale: int, margin: int,
    tile: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:  # fmt: skip
    """A picture uint8 (h, w, 3) -> uint8 (scale h, scale w, 3), the whole way.

    `margin` is how far the network sees around a pixel, `tile` the (height, width) of what `run`
    takes where that is fixed.
    """
    values = tiled(run, picture, scale=scale, margin=margin, tile=tile)
    return decode([values], preprocess, picture.shape[:2], picture=picture)


def tiled(
    run: Run, picture: NDArray[np.uint8], *, scale: int, margin: int,
    tile: tuple[int, int] | None = None,
) -> NDArray[np.float32]:  # fmt: skip
    """A picture (h, w, 3) -> the network's values (C, scale h, scale w), whatever the tiles.

    The picture is continued by its mirror image, and of every tile only what lies `margin` pixels
    from its sides is kept: there no padding of the network shows, so there are no seams. ValueError
    for a tile of which nothing would be kept.
    """
    size = np.array(picture.shape[:2])
    keep = np.minimum(size, TILE) if tile is None else np.array(tile) - 2 * margin
    if keep.min() < 1:
        least = 2 * margin + 1
        raise ValueError(f"tiles of {tile}: this network sees {margin} pixels far; use {least} up")
    (rows, columns), m = -(-size // keep), margin * scale
    beyond = (rows, columns) * keep - size + margin
    wide = np.pad(picture, ((margin, beyond[0]), (margin, beyond[1]), (0, 0)), mode="symmetric")
    height, width = keep + 2 * margin
    lines = []
    for top in range(0, rows * keep[0], keep[0]):
        line = []
        for left in range(0, columns * keep[1], keep[1]):
            seen = wide[None, top : top + height, left : left + width]
            line.append(run(seen)[0, :, m : m + scale * keep[0], m : m + scale * keep[1]])
        lines.append(np.concatenate(line, axis=2))
    return np.concatenate(lines, axis=1)[:, : scale * size[0], : scale * size[1]]


def decode(
    outputs: Sequence[NDArray[np.float32]], preprocess: Preprocess, size: tuple[int, int], *,
    picture: NDArray[np.uint8],
) -> NDArray[np.uint8]:  # fmt: skip
    """Values (C, H, W) as the network normalizes them -> uint8 (H, W, 3).

    Of a network for luma (C = 1) the colours come from the bicubic enlargement of `picture`, uint8
    (*size, 3): its chroma is kept, its luma replaced. ValueError for values that are no numbers.
    """
    (values,) = outputs
    if not np.isfinite(values).all():
        raise ValueError("the network's pixels hold NaN or infinity: its weights are broken")
    mean, std = (np.array(x, np.float32)[:, None, None] for x in (preprocess.mean, preprocess.std))
    pixels = (255 * (values * std + mean)).transpose(1, 2, 0)  # (H, W, C)
    if pixels.shape[2] == 1:
        coarse = bicubic(picture, pixels.shape[:2])
        pixels = coarse + (pixels - (coarse @ np.array(LUMA, np.float32))[:, :, None])
    return np.rint(pixels).clip(0, 255).astype(np.uint8)


def bicubic(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """uint8 (h, w, 3) -> float32 (H, W, 3), by Pillow's cubic filter (a = -0.5), not rounded."""
    height, width = size
    planes = (Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(picture, 2, 0))
    made = [np.array(plane.resize((width, height), FILTERS["bicubic"])) for plane in planes]
    return np.stack(made, axis=2)


def self_ensemble(run: Run) -> Run:
    """The mean over a tile's four turns, each also mirrored: Lim et al. 2017 (arXiv 1707.02921),
    section 3.3. Eight passes; tiles of a fixed size must be square.
    """

    def eightfold(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        total: NDArray[np.float32] | float = 0.0
        for turns in range(4):
            turned = np.rot90(pictures, turns, (1, 2))
            for step in (1, -1):
                values = run(np.ascontiguousarray(turned[:, :, ::step]))[..., ::step]
                total = total + np.rot90(values, -turns, (2, 3))
        return np.asarray(total, np.float32) / 8

    return eightfold


VIEWS: dict[str, Callable[[Run], Run]] = {"plain": lambda run: run, "self-ensemble": self_ensemble}
"""Ways to use a network more than once, by name."""
