"""The convolution with what follows it."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import nn

from hubel.blocks.layers import activation, normalization


class Conv2d(nn.Conv2d):
    """torch's Conv2d with He's initialization: deviation sqrt(2 / (outputs fed by one input)), bias
    0.

    Drawn once, and not at all on the meta device. He et al. 2015, arXiv 1502.01852, equation 14.
    """

    def reset_parameters(self) -> None:
        """Draw the weights anew."""
        if self.weight.is_meta:
            return
        fan_out = self.out_channels // self.groups * math.prod(self.kernel_size)
        with torch.no_grad():
            self.weight.normal_(0, math.sqrt(2 / fan_out))
            if self.bias is not None:
                self.bias.zero_()


class ConvNorm(nn.Sequential):
    """y = act(norm(W * x)): (N, c_in, H, W) -> (N, c_out, H / stride, W / stride).

    `padding` is half the kernel where not given, so that odd kernels keep the size at stride 1. The
    convolution has a bias where no batch norm follows.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        *,
        padding: int | tuple[int, int] | None = None,
        dilation: int = 1,
        groups: int = 1,
        norm: str = "batch",
        act: str = "relu",
        bias: bool | None = None,
        eps: float = 1e-5,
    ):
        k = (kernel, kernel) if isinstance(kernel, int) else kernel
        p = (k[0] // 2 * dilation, k[1] // 2 * dilation) if padding is None else padding
        if c_in % groups or c_out % groups:
            raise ValueError(
                f"groups={groups}: {c_in} channels in and {c_out} out must both be multiples of it"
            )
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["conv"] = Conv2d(
            c_in,
            c_out,
            k,
            stride,
            p,
            dilation=dilation,
            groups=groups,
            bias=norm in ("none", "lrn") if bias is None else bias,
        )
        layers.update(("norm", layer) for layer in normalization(norm, c_out, eps))
        layers.update(("act", layer) for layer in activation(act))
        super().__init__(layers)
