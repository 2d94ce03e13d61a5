"""Activations and normalizations by the words that `act=` and `norm=` take."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from hubel.ops.norms import local_response_norm
from hubel.runtime.names import unknown


class ScaledTanh(nn.Module):
    """y = 1.7159 tanh(2x / 3): f(1) = 1 and f(-1) = -1. LeCun et al. 1998, appendix A."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return 1.7159 * torch.tanh(x * (2 / 3))


class LocalResponseNorm(nn.Module):
    """b_i = a_i / (2 + 1e-4 * sum of a_j^2 over 5 channels around i)^0.75. Krizhevsky 2012."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        return local_response_norm(x)


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of every position. Liu et al. 2022 (ConvNeXt)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


ACTS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "leaky": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "tanh-1998": ScaledTanh,
}

NORMS: Mapping[str, Callable[[int, float], nn.Module]] = {
    "batch": lambda channels, eps: nn.BatchNorm2d(channels, eps=eps),
    "layer": lambda channels, eps: ChannelNorm(channels, eps=eps),
    "group": lambda channels, eps: nn.GroupNorm(min(32, channels), channels, eps=eps),
    "instance": lambda channels, eps: nn.InstanceNorm2d(channels, eps=eps, affine=True),
    "lrn": lambda channels, eps: LocalResponseNorm(),
}


def activation(act: str) -> list[nn.Module]:
    """The layer of that name as a list of one, empty for "none"; ValueError for an unknown name."""
    if act == "none":
        return []
    if act not in ACTS:
        raise unknown("act", act, [*ACTS, "none"])
    return [ACTS[act]()]


def normalization(norm: str, channels: int, eps: float = 1e-5) -> list[nn.Module]:
    """The layer of that name over so many channels as a list of one, empty for "none".

    Raises ValueError for an unknown name.
    """
    if norm == "none":
        return []
    if norm not in NORMS:
        raise unknown("norm", norm, [*NORMS, "none"])
    return [NORMS[norm](channels, eps)]
