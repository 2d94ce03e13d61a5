"""Losses of a classifier: logits (N, K) and targets -> a scalar, the mean over the pictures.

Targets are class numbers (N,); or, where pictures are mixed, distributions over the classes (N, K);
or, where a picture has several classes, 1 for each of them (N, K).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hubel.runtime.decode.segment import IGNORED
from hubel.runtime.names import unknown

Loss = Callable[[Tensor, Tensor], Tensor]

Weights = Sequence[float] | None
"""How much each class counts (K,); None: all 1."""


def shares(targets: Tensor, classes: int) -> Tensor:
    """Class numbers (N,) as distributions (N, classes); what already is one stays as it is."""
    return F.one_hot(targets, classes).float() if targets.ndim == 1 else targets.float()


def cross_entropy(
    logits: Tensor, targets: Tensor, *, smoothing: float = 0.0, weights: Weights = None
) -> Tensor:
    """mean of -sum_k w_k q_k log softmax(logits)_k, with q = 1 - smoothing on the target +
    smoothing/K on all.

    Source: Szegedy et al. 2015 (arXiv 1512.00567), section 7, for the smoothing.
    """
    if weights is None:
        return F.cross_entropy(logits, targets, label_smoothing=smoothing)
    classes = logits.shape[1]
    q = (1 - smoothing) * shares(targets, classes) + smoothing / classes
    return -(logits.new_tensor(weights) * q * F.log_softmax(logits, dim=1)).sum(dim=1).mean()


def focal(
    logits: Tensor, targets: Tensor, *, gamma: float = 2.0, weights: Weights = None
) -> Tensor:
    """mean of -sum_k w_k q_k (1 - p_k)^gamma log p_k, p = softmax(logits): what is answered right
    already counts little.

    Source: Lin et al. 2017 (arXiv 1708.02002), equation 5, whose p is a sigmoid: that is `binary`.
    """
    log_p = F.log_softmax(logits, dim=1)
    terms = shares(targets, logits.shape[1]) * (1 - log_p.exp()) ** gamma * log_p
    return -(terms if weights is None else logits.new_tensor(weights) * terms).sum(dim=1).mean()


def binary(
    logits: Tensor, targets: Tensor, *, gamma: float = 0.0, weights: Weights = None
) -> Tensor:
    """mean over pictures and classes of -w_k q (1 - p)^gamma log p - (1 - q) p^gamma log(1 - p).

    Every class is a question of its own, p = sigmoid(logits), as pictures with several classes
    need it. With gamma = 2 the focal loss: Lin et al. 2017 (arXiv 1708.02002), equation 5.
    """
    q = shares(targets, logits.shape[1])
    yes, no = -F.logsigmoid(logits), -F.logsigmoid(-logits)
    if gamma:
        p = logits.sigmoid()
        yes, no = yes * (1 - p) ** gamma, no * p**gamma
    if weights is not None:
        yes = logits.new_tensor(weights) * yes
    return (q * yes + (1 - q) * no).mean()


def pixels(logits: Tensor, targets: Tensor, *, weights: Weights = None) -> Tensor:
    """sum over pixels of -w_t log softmax(logits)_t / sum of w_t: logits (N, K, H, W) and class
    numbers (N, H, W), of which IGNORED counts for nothing.
    """
    known = torch.bincount(targets.flatten(), minlength=IGNORED + 1)[: logits.shape[1]]
    w = logits.new_tensor(weights) if weights is not None else None
    total = F.cross_entropy(logits, targets, w, ignore_index=IGNORED, reduction="sum")
    count = known.sum() if w is None else (w * known).sum()
    return total / count.clamp(min=1)


def maximum_a_posteriori(logits: Tensor, targets: Tensor, *, j: float = 1.0) -> Tensor:
    """mean of y_t + log(exp(-j) + sum_k exp(-y_k)), with penalties y = -logits.

    The constant j > 0 stands for a class of rubbish: it keeps penalties that are already large
    from being pushed up further. Source: LeCun et al. 1998, equation 9.
    """
    if not j > 0:
        raise ValueError(f"j={j}: the constant of equation 9 is positive, such as 1.0")
    rubbish = logits.new_full((len(logits), 1), -j)
    everything = torch.cat([logits, rubbish], dim=1)  # (N, K + 1)
    if targets.ndim == 2:
        chosen = (targets * logits).sum(dim=1)
    else:
        chosen = logits.gather(1, targets[:, None])[:, 0]
    return (everything.logsumexp(dim=1) - chosen).mean()


LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross-entropy": cross_entropy,
    "focal": focal,
    "binary": binary,
    "maximum-a-posteriori": maximum_a_posteriori,
}


def class_weights(
    given: str | Mapping[str, float] | Sequence[float],
    classes: Sequence[str],
    counts: Sequence[int],
    pictures: int | None = None,
) -> list[float]:
    """A weight for every class (K,), from what a recipe says.

    "balanced" from the training `counts` of the classes: all / (K count), so that every class
    counts the same and the mean over the pictures is 1. Where a picture has several classes, of
    `pictures` in all, (pictures - count) / count: as much for those that show it as for the others.
    A mapping names classes, the others count 1. ValueError for anything else.
    """
    if isinstance(given, str):
        if given != "balanced":
            raise unknown("class weights", given, ["balanced"])
        n, k = np.maximum(np.asarray(counts, np.float64), 1), len(classes)
        found = (pictures - n) / n if pictures is not None else n.sum() / (k * n)
        return [float(round(weight, 6)) for weight in found]
    if isinstance(given, Mapping):
        for name in given:
            if name not in classes:
                raise unknown("class", name, classes)
        given = [given.get(name, 1.0) for name in classes]
    weights = [float(weight) for weight in given]
    if len(weights) != len(classes) or min(weights) < 0 or not max(weights) < np.inf:
        rule = f"give one number for each of {len(classes)} classes, 0 or more"
        raise ValueError(f"class weights {weights}; {rule}, or name classes")
    return weights
