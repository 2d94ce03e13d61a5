"""LAMB, for large batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Lamb(torch.optim.Optimizer):
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

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for w in group["params"]:
                if w.grad is not None:
                    self._update(w, w.grad, group)

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
