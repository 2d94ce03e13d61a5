"""Normalizations by their equations."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def local_response_norm(
    a: Tensor, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0
) -> Tensor:
    """b_i = a_i / (k + alpha * sum of a_j^2 over the size channels j around i)^beta.

    (N, C, H, W) -> the same shape; channels beyond the first and the last count as zero. alpha is
    the equation's: the framework's own function divides it by the size.

    Krizhevsky, Sutskever, Hinton 2012, section 3.3.
    """
    return F.local_response_norm(a, size, alpha * size, beta, k)
