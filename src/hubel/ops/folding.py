"""A convolution and the norm behind it as one convolution."""

from __future__ import annotations

from torch import Tensor, nn


def folded(weight: Tensor, bias: Tensor | None, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """W g / s and (b - m) g / s + beta, for s = sqrt(v + eps): convolution and norm as one."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("a norm without running statistics cannot be folded into a convolution")
    scale = norm.weight.detach() * (variance + norm.eps).rsqrt()
    shift = -mean if bias is None else bias.detach() - mean
    return weight.detach() * scale.view(-1, 1, 1, 1), shift * scale + norm.bias.detach()
