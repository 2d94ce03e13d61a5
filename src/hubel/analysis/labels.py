"""Labels that are probably wrong, from answers of networks that did not see the pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Suspects:
    """Pictures whose label is doubted, the most doubtful first.

    `places` (n,) are their indices, `suggested` (n,) the classes they look like, `margins` (n,) by
    how much the suggested class is more probable than the given one. `pictures` is how many were
    judged.
    """

    places: NDArray[np.int64]
    suggested: NDArray[np.int64]
    margins: NDArray[np.float64]
    pictures: int


def suspects(probabilities: NDArray[np.floating], given: NDArray[np.int64]) -> Suspects:
    """Confident learning: which of the `given` labels (N,) are probably wrong.

    `probabilities` (N, K) are out of fold: each row from a network that was not trained on its
    picture. A picture counts as of class k where p_k is at least what pictures labelled k get on
    average; where it counts as several, as the most probable. It is suspect where that is another
    class than the given one. The order is by p_suggested - p_given. Northcutt, Jiang, Chuang 2019
    (arXiv 1911.00068), section 3.1, with the ranking of section 3.2 by normalized margin.
    """
    p = np.asarray(probabilities, np.float64)
    n, k = p.shape
    if given.shape != (n,):
        raise ValueError(f"{len(given)} labels for {n} pictures; give one for each")
    counts = np.bincount(given, minlength=k)
    own = p[np.arange(n), given]
    usual = np.bincount(given, own, k) / np.maximum(counts, 1)
    usual[counts == 0] = np.inf  # nobody knows what a class without pictures usually gets
    counts_as = np.where(p >= usual, p, -1.0)
    best = counts_as.argmax(axis=1)
    doubted = np.flatnonzero((counts_as.max(axis=1) >= 0) & (best != given))
    margins = p[doubted, best[doubted]] - own[doubted]
    order = np.argsort(-margins, kind="stable")
    return Suspects(doubted[order], best[doubted][order], margins[order], n)
