"""How near a picture comes to the true one: PSNR and SSIM, as super-resolution counts them.

Pictures are uint8 (H, W, 3). Scores are of luma, that of ITU-R BT.601 in the studio range 16..235,
not rounded; `border` pixels of every side are cut. Bicubic enlargement of Set5, whose small
pictures are made by the antialiased cubic filter and rounded to 8 bits, has 33.67, 30.40 and 28.43
dB for x2, x3 and x4; the papers, which do not round them, print 33.66, 30.39 and 28.42.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

EXACT = 100.0
"""PSNR of equal pictures, in dB: finite, so that means and files can hold it."""

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


def luma(picture: Picture, border: int = 0) -> NDArray[np.float64]:
    """Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255, float64 (H - 2 border, W - 2 border)."""
    height, width = picture.shape[:2]
    inner = picture[border : height - border, border : width - border].astype(np.float64)
    return 16 + inner @ np.array([65.481, 128.553, 24.966]) / 255


def psnr(picture: Picture, truth: Picture, border: int) -> float:
    """10 log10(255^2 / mean squared error), in dB, at most EXACT."""
    error = float(((luma(picture, border) - luma(truth, border)) ** 2).mean())
    return min(EXACT, 10 * np.log10(255**2 / error)) if error else EXACT


def ssim(picture: Picture, truth: Picture, border: int) -> float:
    """Structural similarity, -1..1: the mean over all windows that lie within the pictures.

    Wang et al. 2004, "Image quality assessment", equation 13: 11x11 Gaussian windows of sigma 1.5,
    K1 = 0.01, K2 = 0.03, L = 255. What is left of the pictures must hold one window.
    """
    x, y = luma(picture, border), luma(truth, border)
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    mx, my = _blurred(x), _blurred(y)
    vx, vy = _blurred(x * x) - mx * mx, _blurred(y * y) - my * my
    both = _blurred(x * y) - mx * my
    each = (2 * mx * my + c1) * (2 * both + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(each.mean())


def _blurred(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted means over all windows, (H - 10, W - 10)."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
    for axis in (0, 1):
        count = x.shape[axis] - WINDOW + 1
        x = sum(
            w * x.take(range(i, i + count), axis) for i, w in enumerate(weights / weights.sum())
        )
    return x
