"""Several branches in training, one convolution in use."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hubel.blocks.conv import ConvNorm
from hubel.ops.folding import folded
from hubel.ops.layers import activation


class RepConv(nn.Module):
    """y = act(norm(x) + norm(W_3 * x) + norm(W_1 * x)); `fuse` makes it act(W * x + b).

    The first term is left out where the shape changes. Ding et al. 2021, figure 4.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, groups: int = 1, act: str = "relu"
    ):
        super().__init__()
        self.identity = nn.BatchNorm2d(c_in) if c_in == c_out and stride == 1 else None
        self.three = ConvNorm(c_in, c_out, 3, stride, groups=groups, act="none")
        self.one: ConvNorm | None = ConvNorm(c_in, c_out, 1, stride, groups=groups, act="none")
        self.act = nn.Sequential(*activation(act))

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride)."""
        y = self.three(x)
        if self.one is not None:
            y = y + self.one(x)
        if self.identity is not None:
            y = y + self.identity(x)
        return self.act(y)

    def fuse(self) -> None:
        """Add up the branches: a 1x1 and an identity are 3x3 kernels with a middle only."""
        if self.one is None:
            return
        kernel, one = self.three.fuse(), self.one.fuse()
        terms: list[tuple[Tensor, Tensor]] = [
            (kernel.weight, kernel.get_parameter("bias")),
            (F.pad(one.weight, (1, 1, 1, 1)), one.get_parameter("bias")),
        ]
        if self.identity is not None:
            unit = nn.init.dirac_(torch.empty_like(kernel.weight), kernel.groups)
            terms.append(folded(unit, None, self.identity))
        kernel.weight = nn.Parameter(torch.stack([weight for weight, _ in terms]).sum(0).detach())
        kernel.bias = nn.Parameter(torch.stack([bias for _, bias in terms]).sum(0).detach())
        self.one = self.identity = None
