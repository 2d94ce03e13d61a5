"""Losses of a classifier: logits (N, K) and targets -> a scalar, the mean over the pictures.

Targets are class numbers (N,) or, where pictures are mixed, distributions over the classes (N, K).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """mean of -sum_k q_k log softmax(logits)_k, with q = 1 - smoothing on the target +
    smoothing/K on all.

    Source: Szegedy et al. 2015 (arXiv 1512.00567), section 7, for the smoothing.
    """
    return F.cross_entropy(logits, targets, label_smoothing=smoothing)


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
    "maximum-a-posteriori": maximum_a_posteriori,
}
