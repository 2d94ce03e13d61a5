"""Masks of objects: their boxes, and run lengths as COCO files have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def box_of(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 around the pixels of a mask (H, W); all 0 where there are none."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def encode(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    """A mask (H, W) as run lengths down the columns, beginning with off."""
    x1, y1, x2, y2 = map(int, box_of(mask))  # a mask is often a small part of its picture
    inside = np.pad(mask[y1:y2, x1:x2].T, ((0, 0), (1, 1)))
    columns, rows = np.nonzero(inside[:, 1:] != inside[:, :-1])
    changes, times = np.unique((columns + x1) * len(mask) + rows + y1, return_counts=True)
    # A column that is on to its end and the next one from its start are one run.
    runs = np.diff(np.concatenate([[0], changes[times == 1], [mask.size]])).tolist()
    # The last run is off where the mask ends with on; a run of nothing is left out.
    return tuple(runs[:-1] if runs[-1] == 0 else runs)


def packed(counts: Sequence[int]) -> str:
    """Run lengths as the text of a COCO file.

    From the third on, each is stored as its difference from the one two before; a number goes as
    groups of five bits, the lowest first, bit 6 set where more follow, and 48 added to each.
    """
    text = []
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        while True:
            group, value = value & 31, value >> 5
            more = value != (-1 if group & 16 else 0)
            text.append(chr(48 + group + (32 if more else 0)))
            if not more:
                break
    return "".join(text)


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (H, W) as in a COCO file: its size and the text of its run lengths."""
    return {"size": list(mask.shape), "counts": packed(encode(mask))}


def unpacked(text: str) -> tuple[int, ...]:
    """The inverse of `packed`; ValueError for a text that no COCO file has."""
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"{letter!r} does not belong into run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift or any(count < 0 for count in counts):
        raise ValueError("the run lengths are cut off or negative")
    return tuple(counts)
