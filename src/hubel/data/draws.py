"""Random numbers by address: the same for the same place, in any order and in any process."""

from __future__ import annotations

import numpy as np

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def draws(seed: int, epoch: int, indices: np.ndarray, count: int) -> np.ndarray:
    """Uniform numbers in [0, 1), float64 (N, count), one row for each index (N,).

    Each is a hash (the finalizer of SplitMix64; Steele, Lea and Flood, 2014) of seed, epoch, index
    and its place in the row, so a longer row begins with the shorter one.
    """
    key = 0
    for number in (seed, epoch):
        key = int(
            _mix(np.array([key + (number & _MASK) * _GOLDEN + _GOLDEN & _MASK], np.uint64))[0]
        )
    rows = _mix(np.asarray(indices).astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(key))
    places = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    return (_mix(rows[:, None] + places) >> np.uint64(11)) * 2.0**-53


def order(seed: int, epoch: int, length: int) -> np.ndarray:
    """A permutation of 0..length-1, int64 (length,): the order of an epoch."""
    # -1 - epoch: a stream apart from the one that augmentation draws from.
    keys = draws(seed, -1 - epoch, np.arange(length), 1)[:, 0]
    return np.argsort(keys, kind="stable")


def _mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
