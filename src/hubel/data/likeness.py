"""Pictures that look nearly the same, found without comparing all pairs.

A picture's fingerprint is its grey thumbnail (32 x 32) with the mean taken off and the length made
1, so that the product of two fingerprints is their correlation: it hardly changes when a picture
is stored anew, resized or made brighter. Fingerprints are sorted into small overlapping bins by a
tree that cuts at medians of principal components (a spill tree, Liu et al. 2004); only pictures
that share a bin are compared. Bins overlap by more than a copy moves, so copies meet.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SIDE = 32
"""Pixels a side of a thumbnail."""

ALIKE = 0.93  # correlation of coarse thumbnails (16 x 16) from which on a pair is looked at
SAME = 0.998  # and of fine ones from which on it counts, whatever else is near
DETAIL = 0.8  # correlation of what a blur takes away: a common sky alone is no likeness
CROWD = 8  # a pair must be closer than the CROWD-th neighbour of either,
CLOSER = 0.4  # by this factor of the distance: handwritten ones are all alike, copies more so
SHAPE = 1.06  # factor between the sides' ratios up to which pictures have one shape
BIN = 768  # pictures in a bin
OVERLAP = 0.05  # half of what two bins share, in units of a fingerprint's length
COMPONENTS = 24
MOST = 16  # likenesses kept per picture and bin, the nearest: frames of a film are all alike
CHUNK = 4096


def near_pairs(thumbs: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """The pairs of pictures that look nearly the same, int64 (n, 2), the smaller number first.

    `thumbs` are uint8 (N, 32, 32), `ratios` (N,) width by height of the pictures. A pair is near
    when the thumbnails and their details correlate, the shapes agree, and the two are much closer
    to each other than to the rest of the data; the last is what keeps data sets of few strokes
    from drowning in likenesses. Pictures of a single grey are like none.
    """
    textured = np.flatnonzero(thumbs.std(axis=(1, 2)) > 1)
    if len(textured) < 2:
        return np.empty((0, 2), np.int64)
    coarse = np.concatenate(
        [_coarse(thumbs[textured[i : i + CHUNK]]) for i in range(0, len(textured), CHUNK)]
    )
    pairs, likeness, crowd = _candidates(coarse)
    # The chord between unit vectors of correlation c is sqrt(2 - 2 c).
    distance, around = np.sqrt(2 - 2 * likeness), np.sqrt(2 - 2 * crowd[pairs].max(axis=1))
    pairs, outstanding = textured[pairs], distance <= CLOSER * around
    shape = np.abs(np.log(ratios[pairs[:, 0]] / ratios[pairs[:, 1]])) <= np.log(SHAPE)
    wanted = shape & (outstanding | (likeness >= SAME))
    pairs, outstanding = pairs[wanted], outstanding[wanted]
    keep = [
        _alike(thumbs, pairs[i : i + CHUNK], outstanding[i : i + CHUNK])
        for i in range(0, len(pairs), CHUNK)
    ]
    return pairs[np.concatenate(keep)] if keep else pairs


def stars(pairs: np.ndarray) -> list[list[int]]:
    """Groups of a first member and all that are near it; nothing is near by way of a third."""
    near: dict[int, list[int]] = {}
    for a, b in pairs.tolist():
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    taken: set[int] = set()
    groups = []
    for first in sorted(near):
        if first not in taken:
            others = [other for other in sorted(near[first]) if other not in taken]
            if others:
                groups.append([first, *others])
                taken.update(groups[-1])
    return groups


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows (n, ...) as float32 (n, d) of mean 0 and length 1."""
    flat = rows.reshape(len(rows), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _coarse(thumbs: np.ndarray) -> np.ndarray:
    half = SIDE // 2
    return _unit(thumbs.reshape(-1, half, 2, half, 2).mean(axis=(2, 4), dtype=np.float32))


def _details(thumbs: np.ndarray) -> np.ndarray:
    """What a blur of 3 x 3 pixels takes away, as unit vectors."""
    around = np.pad(thumbs.astype(np.float32), ((0, 0), (1, 1), (1, 1)), mode="edge")
    blurred = sum(around[:, y : y + SIDE, x : x + SIDE] for y in range(3) for x in range(3))
    return _unit(thumbs - blurred / 9)


def _alike(thumbs: np.ndarray, pairs: np.ndarray, outstanding: np.ndarray) -> np.ndarray:
    """Whether the fine thumbnails agree (n,)."""
    a, b = thumbs[pairs[:, 0]], thumbs[pairs[:, 1]]
    whole = np.einsum("nd,nd->n", _unit(a), _unit(b))
    details = np.einsum("nd,nd->n", _details(a), _details(b))
    return (details >= DETAIL) & ((outstanding & (whole >= ALIKE - 0.02)) | (whole >= SAME))


def _candidates(prints: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (n, 2) of fingerprints (N, d) above ALIKE, their correlations (n,), and of every
    picture the correlation with its CROWD-th neighbour (N,), -1 where it has not so many.
    """
    crowd = np.full(len(prints), -1, np.float32)
    pairs, likeness = [], []
    for members in _bins(_principal(prints)):
        inside = prints[members]
        table = np.minimum(inside @ inside.T, 1)
        np.fill_diagonal(table, -1)
        alike = np.triu(table >= ALIKE)
        if len(members) > MOST:
            ordered = np.partition(table, (-MOST, -CROWD), axis=1)
            crowd[members] = np.maximum(crowd[members], ordered[:, -CROWD])
            alike &= table >= ordered[:, -MOST, None]
        a, b = np.nonzero(alike)
        pairs.append(members[np.stack([a, b], axis=1)])
        likeness.append(table[a, b])
    both, where = np.unique(np.concatenate(pairs), axis=0, return_index=True)
    return both, np.concatenate(likeness)[where], crowd


def _principal(prints: np.ndarray) -> np.ndarray:
    """Fingerprints (N, d) along the principal components of some of them, (N, COMPONENTS)."""
    some = prints[:: max(1, len(prints) // 8192)]
    _, axes = np.linalg.eigh(some.T @ some)
    return prints @ axes[:, -COMPONENTS:]


def _bins(places: np.ndarray) -> Iterator[np.ndarray]:
    """Overlapping sets of numbers of places (N, d), each of neighbours, sorted."""
    waiting = [np.arange(len(places))]
    while waiting:
        members = waiting.pop()
        if len(members) <= BIN:
            yield members
            continue
        inside = places[members]
        along = inside[:, inside.std(axis=0).argmax()]
        middle = np.median(along)
        low, high = along < middle + OVERLAP, along > middle - OVERLAP
        if max(low.sum(), high.sum()) > 0.9 * len(members):  # a crowd in one place: mixed halves
            low = np.arange(len(members)) % 2 == 0
            high = ~low
        waiting += [members[low], members[high]]
