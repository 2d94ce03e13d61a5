"""Several classes a picture: logits -> a probability for each class -> those that are there."""

from __future__ import annotations

import numpy as np

from hubel.runtime.decode.classify import warmed

SHOWN = 0.5
"""From this probability on a class is said to be there."""

NONE = "none of them"
"""The answer for a picture in which no class is said to be there."""


def sigmoid(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """p_i = 1 / (1 + exp(-z_i / T)), in float64; `logits` (..., classes) gives the same shape.

    Raises ValueError where a logit is NaN or infinite, or the temperature is not positive.
    """
    z = warmed(logits, temperature)
    e = np.exp(-np.abs(z))  # never above 1
    return np.where(z >= 0, 1.0, e) / (1 + e)
