"""Optimizers by name, with the learning rate and every other value used exactly as given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def sgd(
    groups: Any, *, lr: float, momentum: float = 0.0, nesterov: bool = False
) -> torch.optim.Optimizer:
    """v <- momentum v + g; w <- w - lr v; with `nesterov`, w <- w - lr (g + momentum v)."""
    return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov)


def adamw(
    groups: Any, *, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> torch.optim.Optimizer:
    """Adam with the decay apart from the gradient: Loshchilov, Hutter 2017 (arXiv 1711.05101),
    algorithm 2.
    """
    return torch.optim.AdamW(groups, lr=lr, betas=(beta1, beta2), eps=eps)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"sgd": sgd, "adamw": adamw}


def groups(module: nn.Module, *, decay: float, decay_all: bool) -> list[dict[str, Any]]:
    """Parameter groups: `decay` on the weights of convolutions and dense layers.

    Biases and the vectors of norms are left alone unless `decay_all` is true, as in He et al. 2015.
    """
    weights: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    for parameter in module.parameters():
        if parameter.requires_grad:
            (weights if decay_all or parameter.ndim > 1 else vectors).append(parameter)
    made = [
        {"params": weights, "weight_decay": decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [group for group in made if group["params"]]
