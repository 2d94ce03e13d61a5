"""The convolution with what follows it."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hubel.blocks.combine import Once
from hubel.ops.folding import folded
from hubel.ops.layers import activation, normalization


class Conv2d(nn.Conv2d):
    """torch's Conv2d with He's initialization: deviation sqrt(2 / (outputs fed by one input)), bias
    0.

    Drawn once, and not at all on the meta device. He et al. 2015, arXiv 1502.01852, equation 14.
    """

    tensorflow = 0  # pads as TensorFlow does for this stride: it gives ceil(size / stride) cells

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H', W')."""
        if self.tensorflow:
            pads: list[int] = []
            for n, k, d in zip(x.shape[-2:], self.kernel_size, self.dilation):
                s, cells = self.tensorflow, -(-n // d)
                total = max((-(-cells // s) - 1) * s + k - cells, 0)
                pads = [total // 2 * d, (total - total // 2) * d, *pads]
            x = F.pad(x, pads)
        return super().forward(x)

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

    `padding` is half the kernel where not given, so that odd kernels keep the size at stride 1, or
    "tensorflow", which puts less of it before the picture than behind where strides make it uneven.
    The convolution has a bias where no batch norm follows.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int | tuple[int, int] = 1, stride: int = 1, *,
        padding: int | tuple[int, int] | str | None = None, dilation: int = 1, groups: int = 1,
        norm: str = "batch", act: str = "relu", bias: bool | None = None, eps: float = 1e-5,
    ):  # fmt: skip
        k = (kernel, kernel) if isinstance(kernel, int) else kernel
        half = (k[0] // 2 * dilation, k[1] // 2 * dilation)
        tensorflow = padding == "tensorflow" and stride > 1  # at stride 1 it is the same
        p = 0 if tensorflow else half if padding is None or isinstance(padding, str) else padding
        if c_in % groups or c_out % groups:
            raise ValueError(
                f"groups={groups}: {c_in} channels in and {c_out} out must both be multiples of it"
            )
        bias = norm in ("none", "lrn") if bias is None else bias
        conv = Conv2d(c_in, c_out, k, stride, p, dilation, groups, bias)
        conv.tensorflow = stride if tensorflow else 0
        layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
        layers.update(("norm", layer) for layer in normalization(norm, c_out, eps))
        layers.update(("act", layer) for layer in activation(act))
        super().__init__(layers)

    def fuse(self) -> Conv2d:
        """Fold batch norm into the convolution and give that: one layer less, the same outputs."""
        norm: object = self._modules.get("norm")
        conv = self.get_submodule("conv")
        if not isinstance(conv, Conv2d):
            raise ValueError(f"fuse: a {type(conv).__name__} stands where the convolution was")
        if isinstance(norm, nn.BatchNorm2d):
            weight, bias = folded(conv.weight, conv.bias, norm)
            conv.weight, conv.bias = nn.Parameter(weight), nn.Parameter(bias)
            del self.norm
        return conv


class NormAct(Once, nn.Sequential):
    """y = act(norm(x)); the width stays."""

    def __init__(
        self, c_in: int, c_out: int = 0, stride: int = 1, *, norm: str = "batch", act: str = "relu",
        eps: float = 1e-5,
    ):  # fmt: skip
        super().__init__(*normalization(norm, c_in, eps), *activation(act))
        self.c_out = c_in


class PreConv(nn.Sequential):
    """y = W * act(norm(x)): the order of pre-activation. He et al. 2016, arXiv 1603.05027."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 1, stride: int = 1, *, groups: int = 1,
        norm: str = "batch", act: str = "relu", eps: float = 1e-5,
    ):  # fmt: skip
        conv = Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=norm == "none")
        super().__init__(NormAct(c_in, norm=norm, act=act, eps=eps), conv)
