"""Optimizers whose step depends on a whole tensor: LAMB and Muon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Tensorwise(torch.optim.Optimizer):
    """Calls `_update` for every parameter that has a gradient."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self._update(w, w.grad, group)

    def _update(self, w: Tensor, g: Tensor, group: dict[str, Any]) -> None:
        """Change w by its gradient g; `self.state[w]` is kept."""
        raise TypeError("Tensorwise is the frame of LAMB and Muon; use one of them")


class Lamb(Tensorwise):
    """w <- w - lr |w| / |u| u, with u = m / (sqrt(v) + eps) + decay w.

    m and v are Adam's averages of g and g^2, each divided by its 1 - beta^t. Where |w| or |u| is 0
    the ratio is 1. Source: You et al. 2019 (arXiv 1904.00962), algorithm 2.
    """

    def __init__(
        self,
        params: Any,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def _update(self, w: Tensor, g: Tensor, group: dict[str, Any]) -> None:
        state = self.state[w]
        if not state:
            state.update(t=0, m=torch.zeros_like(w), v=torch.zeros_like(w))
        state["t"] += 1
        (beta1, beta2), t = group["betas"], state["t"]
        m = state["m"].lerp_(g, 1 - beta1)
        v = state["v"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        u = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + group["eps"])
        u = u + group["weight_decay"] * w
        length, wanted = u.norm(), w.norm()
        ratio = torch.where((length > 0) & (wanted > 0), wanted / length, torch.ones_like(length))
        w.sub_(group["lr"] * ratio * u)


QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients that drive every singular value towards 1 in few iterations, and not past 1.2."""


def orthogonal(matrix: Tensor, iterations: int = 5) -> Tensor:
    """The nearest matrix with singular values of about 1 (0.7 to 1.2), by Newton-Schulz.

    X <- (a + b A + c A A) X with A = X X^T, from X = M / |M|: no decomposition is needed. The
    factors are multiplied among themselves first, which are the smaller matrices, and with M once.
    Takes and gives (rows, columns).
    """
    a, b, c = QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix  # A is then the smaller one of the two products
    x = x / (x.norm() + 1e-7)
    square = x @ x.T
    one = product = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(iterations):
        factor = a * one + b * square + c * square @ square
        square = factor @ square @ factor
        product = factor @ product
    x = product @ x
    return x.T if tall else x


class Muon(Tensorwise):
    """v <- momentum v + g; w <- w - lr orthogonal(g + momentum v) sqrt(max(1, rows / columns)).

    Filters are matrices (c_out, c_in x height x width). Vectors, which have no singular values,
    take the same step without `orthogonal`, times `other`. Decay is apart from the gradient. With
    `unit` every filter bank is first brought to |w| = sqrt(rows), so that lr is the angle it turns
    by; that is for filters before a norm, to which their length means nothing. Source: Jordan et
    al. 2024.
    """

    def __init__(
        self,
        params: Any,
        lr: float,
        momentum: float = 0.95,
        iterations: int = 5,
        other: float = 0.1,
        unit: bool = False,
        weight_decay: float = 0.0,
    ):
        defaults = {"lr": lr, "momentum": momentum, "iterations": iterations, "other": other}
        super().__init__(params, {**defaults, "unit": unit, "weight_decay": weight_decay})

    def _update(self, w: Tensor, g: Tensor, group: dict[str, Any]) -> None:
        state = self.state[w]
        if not state:
            state["v"] = torch.zeros_like(w)
        v = state["v"].mul_(group["momentum"]).add_(g)
        step = g + group["momentum"] * v
        w.mul_(1 - group["lr"] * group["weight_decay"])
        if w.ndim < 2:
            w.sub_(group["lr"] * group["other"] * step)
            return
        if group["unit"] and w.ndim > 2:
            w.mul_(len(w) ** 0.5 / w.norm())
        matrix = step.flatten(1)
        longer = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        update = orthogonal(matrix, group["iterations"]).view_as(step)
        w.sub_(group["lr"] * longer * update)
