"""Optimizers by name, with the learning rate and every other value used exactly as given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hubel.runtime.names import unknown
from hubel.training.tensorwise import Lamb, Muon


def sgd(
    groups: Any, *, lr: float, momentum: float = 0.0, nesterov: bool = False
) -> torch.optim.Optimizer:
    """v <- momentum v + g; w <- w - lr v; with `nesterov`, w <- w - lr (g + momentum v)."""
    words: dict[str, Any] = {"momentum": momentum, "nesterov": nesterov}
    return _in_one_pass(torch.optim.SGD(groups, lr=lr, fused=True, **words))


def adamw(
    groups: Any, *, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> torch.optim.Optimizer:
    """Adam with the decay apart from the gradient: Loshchilov, Hutter 2017 (arXiv 1711.05101),
    algorithm 2.
    """
    words: dict[str, Any] = {"betas": (beta1, beta2), "eps": eps}
    return _in_one_pass(torch.optim.AdamW(groups, lr=lr, fused=True, **words))


def _in_one_pass(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """With gradients and averages in the layout of their parameter before every step: the fused
    forms, which read and write everything once, walk through memory as it lies.
    """
    optimizer.register_step_pre_hook(_aligned)
    return optimizer


def _aligned(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    for group in optimizer.param_groups:
        for w in group["params"]:
            if w.grad is not None:
                w.grad = _like(w.grad, w)
            state = optimizer.state.get(w, {})
            state |= {name: _like(x, w) for name, x in state.items() if torch.is_tensor(x)}


def _like(x: Tensor, w: Tensor) -> Tensor:
    return x if x.stride() == w.stride() or x.shape != w.shape else torch.empty_like(w).copy_(x)


def lamb(
    groups: Any, *, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-6
) -> torch.optim.Optimizer:
    """Adam's step at the length of each tensor: You et al. 2019 (arXiv 1904.00962), algorithm 2."""
    return Lamb(groups, lr=lr, betas=(beta1, beta2), eps=eps)


def muon(
    groups: Any, *, lr: float, momentum: float = 0.95, iterations: int = 5, other: float = 0.1,
    unit: bool = False,
) -> torch.optim.Optimizer:  # fmt: skip
    """Orthogonal steps for filters and dense weights; SGD with rate `other` x lr for vectors.

    `unit` keeps filters at the length sqrt(filters), for those before a norm.

    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    words: dict[str, Any] = {"momentum": momentum, "iterations": iterations}
    words |= {"other": other, "unit": unit}
    return Muon(groups, lr=lr, **words)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": sgd,
    "adamw": adamw,
    "lamb": lamb,
    "muon": muon,
}

RULE_WORDS = ("match", "freeze", "rate", "decay")


def freeze(module: nn.Module, rules: Iterable[Mapping[str, Any]]) -> None:
    """Take `requires_grad` from what the rules freeze; the later of two rules wins."""
    named = dict(module.named_parameters())
    checked = [_checked(rule, named) for rule in rules]
    for name, parameter in named.items():
        said = [rule["freeze"] for rule in checked if "freeze" in rule and _holds(rule, name)]
        if said and said[-1]:
            parameter.requires_grad_(False)


def groups(
    module: nn.Module,
    *,
    decay: float,
    decay_all: bool,
    rules: Iterable[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Parameter groups: `decay` on the weights of convolutions and dense layers.

    Biases and the vectors of norms are left alone unless `decay_all` is true, as in He et al. 2015.

    A rule {"match": regular expression, "freeze": bool, "rate": factor on the learning rate,
    "decay": value} holds for every parameter in whose name the expression is found; of several, the
    later one wins word by word. Frozen parameters lose `requires_grad`. ValueError for a rule that
    matches nothing, an unknown word, or no parameter that is left to train.
    """
    rules = tuple(rules)
    freeze(module, rules)
    named = dict(module.named_parameters())
    checked = [_checked(rule, named) for rule in rules]
    found: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named.items():
        kind = decay if decay_all or parameter.ndim > 1 else 0.0
        words: dict[str, Any] = {"rate": 1.0, "decay": kind}
        for rule in checked:
            if _holds(rule, name):
                words |= {word: rule[word] for word in words if word in rule}
        if parameter.requires_grad:
            found.setdefault((words["rate"], words["decay"]), []).append(parameter)
    if not found:
        raise ValueError("every parameter is frozen, so nothing would be trained; free the head")
    return [
        {"params": params, "weight_decay": weight_decay, "rate": rate}
        for (rate, weight_decay), params in found.items()
    ]


def _holds(rule: Mapping[str, Any], name: str) -> bool:
    return re.search(rule["match"], name) is not None


def _checked(rule: Mapping[str, Any], names: Iterable[str]) -> Mapping[str, Any]:
    for word in rule:
        if word not in RULE_WORDS:
            raise unknown("word of a rule", word, RULE_WORDS)
    try:
        matches = [name for name in names if re.search(rule["match"], name)]
    except KeyError:
        raise ValueError(f"the rule {dict(rule)} needs `match`, a regular expression") from None
    except re.error as error:
        raise ValueError(f"the rule's match {rule['match']!r} is no expression: {error}") from None
    if not matches:
        known: Sequence[str] = list(names)
        shown = ", ".join([*known[:3], "...", *known[-2:]] if len(known) > 5 else known)
        raise ValueError(f"the rule {rule['match']!r} matches no parameter; there are: {shown}")
    return rule
