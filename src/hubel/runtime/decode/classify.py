"""Classification: logits -> probabilities -> the k most probable classes."""

from __future__ import annotations

import numpy as np

UNKNOWN = "I don't know"
"""The answer for a picture whose best class is below the bundle's threshold."""


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """p_i = exp(z_i / T) / sum_j exp(z_j / T), over the last axis, in float64.

    `logits` (..., classes); gives the same shape. T > 1 softens the probabilities and never changes
    their order (Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 9).
    Raises ValueError where a logit is NaN or infinite, or the temperature is not positive.
    """
    z = warmed(logits, temperature)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def warmed(logits: np.ndarray, temperature: float) -> np.ndarray:
    """z / T in float64, of the same shape; ValueError as in `softmax`."""
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature {temperature}: must be a finite number above 0")
    z = np.asarray(logits, dtype=np.float64) / temperature
    if not np.isfinite(z).all():
        raise ValueError("the network's logits hold NaN or infinity: its weights are broken")
    return z


def top_k(probabilities: np.ndarray, k: int) -> np.ndarray:
    """The indices of the k largest values of the last axis, the largest first, of equals the lower.

    `probabilities` (..., classes) gives integers (..., min(k, classes)). ValueError for k < 1.
    """
    if k < 1:
        raise ValueError(f"top {k}: ask for at least 1 class")
    return np.argsort(-probabilities, axis=-1, kind="stable")[..., :k]
