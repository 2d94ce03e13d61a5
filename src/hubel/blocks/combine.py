"""The two combinators: what is added and what is put side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hubel.ops.layers import activation


class Residual(nn.Module):
    """y = act(shortcut(x) + F(x)). He et al. 2015, arXiv 1512.03385, equation 1 and figure 2.

    With shortcut None the sum is left out: y = act(F(x)), a plain net. In training, F of a whole
    picture is dropped with probability `drop` and scaled by 1 / (1 - drop) otherwise (stochastic
    depth, Huang et al. 2016); `drop` is 0 until a training sets it.
    """

    body: nn.Module
    shortcut: nn.Module | None
    drop = 0.0

    def __init__(
        self, body: nn.Module, shortcut: nn.Module | None, act: str = "none", first: str = "body"
    ):
        super().__init__()
        parts = {"body": body, "shortcut": shortcut}
        for name in sorted(parts, key=lambda name: name != first):  # the order in the state dict
            self.add_module(name, parts[name])
        self.act = nn.Sequential(*activation(act))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> what body and shortcut agree on."""
        y = self.body(x)
        if self.shortcut is not None:
            if self.training and self.drop > 0:
                keep = torch.rand(y.shape[0], 1, 1, 1, device=y.device) >= self.drop
                y = y * (keep / (1 - self.drop)).to(y.dtype)
            y = self.shortcut(x) + y
        return self.act(y)


class Branches(nn.Module):
    """y = [B_1(x), B_2(x), ...] along the channels. Szegedy et al. 2014, figure 2."""

    def __init__(self, *branches: nn.Module, c_out: int):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.c_out = c_out

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, c_out, H', W')."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)
