"""Super-resolution: what a network gives for a picture, in tiles -> the enlarged picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hubel.pictures.preprocess import FILTERS, Preprocess

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""The network: pictures uint8 (N, H, W, 3) -> values (N, C, scale H, scale W)."""

TILE = 256
"""Longest side, in pixels of the small picture, that is enlarged at once."""
FAR = 1000

# Of ITU-R BT.601, as Pillow rounds it and as the graph's normalization takes it.
LUMA: NDArray[np.float32] = (np.array([19595, 38470, 7471]) / 65536).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Larger:
    """A picture that was enlarged: uint8 (H, W, 3)."""

    pixels: NDArray[np.uint8]

    def told(self, classes: Sequence[str]) -> str:
        """Its size."""
        height, width = self.pixels.shape[:2]
        return f"{width} x {height} pixels"

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Its size; the pixels are written by `drawn`."""
        height, width = self.pixels.shape[:2]
        return {"width": width, "height": height}

    def drawn(self, picture: NDArray[np.uint8], classes: Sequence[str]) -> NDArray[np.uint8]:
        """The enlarged picture itself."""
        return self.pixels


def whole(
    engine: Callable[[NDArray[np.uint8]], Sequence[NDArray[np.float32]]],
    picture: NDArray[np.uint8],
    preprocess: Preprocess,
    *,
    margin: int = 0,
) -> Larger:
    """A picture uint8 (h, w, 3) of any size, enlarged; `margin` is how far the network sees.

    ValueError for a margin that no network has.
    """
    if type(margin) is not int or not 0 <= margin <= FAR:
        raise ValueError(f"margin={margin!r}; a network sees 0 to {FAR} whole pixels far")
    return enlarge(lambda seen: engine(seen)[0], picture, preprocess, margin=margin)


def enlarge(run: Run, picture: NDArray[np.uint8], preprocess: Preprocess, *, margin: int) -> Larger:
    """The same with the network as a function."""
    return Larger(decode(tiled(run, picture, margin=margin), preprocess, picture))


def tiled(
    run: Run, picture: NDArray[np.uint8], *, margin: int, tile: int = TILE
) -> NDArray[np.float32]:
    """A picture (h, w, 3) -> the network's values (C, scale h, scale w), the same for any `tile`,
    the longest side that is enlarged at once.

    The picture is continued by its mirror image, and of every tile only what lies `margin` pixels
    from its sides is kept: there no padding of the network shows, so there are no seams.
    """
    size = np.array(picture.shape[:2])
    counts = -(-size // tile)
    keep = -(-size // counts)  # tiles of one size
    (top, left), (height, width) = counts * keep - size + margin, keep + 2 * margin
    wide = np.pad(picture, ((margin, top), (margin, left), (0, 0)), mode="symmetric")
    lines = []
    for i in range(counts[0]):
        line = []
        for j in range(counts[1]):
            y, x = i * keep[0], j * keep[1]
            values = run(wide[None, y : y + height, x : x + width])[0]
            scale = values.shape[1] // height
            m, rows, columns = scale * margin, scale * keep[0], scale * keep[1]
            line.append(values[:, m : m + rows, m : m + columns])
        lines.append(np.concatenate(line, axis=2))
    rows, columns = scale * size
    return np.concatenate(lines, axis=1)[:, :rows, :columns]


def decode(
    values: NDArray[np.float32], preprocess: Preprocess, picture: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Values (C, H, W), normalized as the network's input is -> uint8 (H, W, 3).

    Of a network for luma (C = 1) the colours come from the bicubic enlargement of the small
    `picture`, uint8 (h, w, 3): its chroma is kept, its luma replaced. ValueError for values that
    are no numbers.
    """
    if not np.isfinite(values).all():
        raise ValueError("the network's pixels hold NaN or infinity: its weights are broken")
    mean, std = _constants(preprocess)
    pixels = (255 * (values * std + mean)).transpose(1, 2, 0)  # (H, W, C)
    if pixels.shape[2] == 1:
        coarse = bicubic(picture, pixels.shape[:2])
        pixels = coarse + (pixels - (coarse @ LUMA)[:, :, None])
    return rounded(pixels)


def normalized(picture: NDArray[np.uint8], preprocess: Preprocess) -> NDArray[np.float32]:
    """uint8 (H, W, 3) -> (C, H, W), what a network would give for exactly this picture."""
    mean, std = _constants(preprocess)
    pixels = picture.astype(np.float32)
    if preprocess.channels == 1:
        pixels = (pixels @ LUMA)[:, :, None]
    return np.asarray((pixels.transpose(2, 0, 1) / 255 - mean) / std, np.float32)


def _constants(preprocess: Preprocess) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation, (C, 1, 1)."""
    mean, std = (np.array(x, np.float32) for x in (preprocess.mean, preprocess.std))
    return mean[:, None, None], std[:, None, None]


def bicubic(picture: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.float32]:
    """uint8 (h, w, 3) -> float32 (H, W, 3), by Pillow's cubic filter (a = -0.5), not rounded."""
    height, width = size
    planes = (Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(picture, 2, 0))
    made = [np.array(plane.resize((width, height), FILTERS["bicubic"])) for plane in planes]
    return np.stack(made, axis=2)


def rounded(pixels: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Values in 0..255, and what lies beyond, as pixels."""
    return np.rint(pixels).clip(0, 255).astype(np.uint8)


def self_ensemble(run: Run) -> Run:
    """The mean over a tile's four turns, each also mirrored: Lim et al. 2017 (arXiv 1707.02921),
    section 3.3. Eight passes.
    """

    def eightfold(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        total: NDArray[np.float32] | float = 0.0
        for turns in range(4):
            turned = np.rot90(pictures, turns, (1, 2))
            for step in (1, -1):
                values = run(np.ascontiguousarray(turned[:, :, ::step]))[..., ::step]
                total = total + np.rot90(values, -turns, (2, 3))
        return np.asarray(total / 8, np.float32)

    return eightfold


VIEWS: dict[str, Callable[[Run], Run]] = {"plain": lambda run: run, "self-ensemble": self_ensemble}
"""Ways to use a network more than once, by name."""
