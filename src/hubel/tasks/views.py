"""Test-time views by name: the ways in which a picture is shown before its answers are averaged.

A view takes prepared pictures, uint8 (N, H, W, C), and gives (pictures, weight) pairs whose weights
add up to 1; the answer is the weighted mean of the logits. No torch: bundles are scored with them
too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.uint8]
Views = Callable[[Pictures], list[tuple[Pictures, float]]]


def plain(pictures: Pictures) -> list[tuple[Pictures, float]]:
    """The picture as it is."""
    return [(pictures, 1.0)]


def mirror(pictures: Pictures) -> list[tuple[Pictures, float]]:
    """The picture and its mirror image."""
    return [(pictures, 0.5), (pictures[:, :, ::-1], 0.5)]


def translate(pictures: Pictures) -> list[tuple[Pictures, float]]:
    """Six views: as it is, cut one pixel up and left, one down and right, each also mirrored.

    The two moved pairs together count as much as the unmoved one; what comes in is reflected.
    Source: Jordan 2024 (arXiv 2404.00498), section 3.5.
    """
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    moved = ((pictures, 0.5), (padded[:, :-2, :-2], 0.25), (padded[:, 2:, 2:], 0.25))
    return [(view, weight * half) for seen, weight in moved for view, half in mirror(seen)]


VIEWS: dict[str, Views] = {"plain": plain, "mirror": mirror, "mirror-translate": translate}
