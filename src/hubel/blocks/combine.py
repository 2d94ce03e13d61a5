"""The two combinators: what is added and what is put side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hubel.ops.layers import activation


class Once:
    """A block that no table repeats, however deep it is made."""

    once = True


class Sum(nn.Module):
    """A block that adds F to its input; `drop` is None where it does not.

    Stochastic depth: in training F of a picture is dropped with that probability, F / (1 - drop)
    otherwise. Huang et al. 2016, arXiv 1603.09382.
    """

    drop: float | None = 0.0

    def kept(self, y: Tensor) -> Tensor:
        """F (N, C, H, W) -> what of it is added."""
        if self.training and self.drop:
            keep = torch.rand(y.shape[0], 1, 1, 1, device=y.device) >= self.drop
            y = y * (keep / (1 - self.drop)).to(y.dtype)
        return y


def survive(module: nn.Module, drop: float) -> None:
    """Set the l-th of L sums to drop * l / L: Huang et al., equation 4. ValueError without sums."""
    sums = [part for part in module.modules() if isinstance(part, Sum) and part.drop is not None]
    if not sums or not 0 <= drop < 1:
        reason = "it takes 0 to below 1" if sums else "this network adds nothing to a shortcut"
        raise ValueError(f"drop={drop}: {reason}")
    for i, part in enumerate(sums, 1):
        part.drop = drop * i / len(sums)


class Residual(Sum):
    """y = act(shortcut(x) + F(x)). He et al. 2015, arXiv 1512.03385, equation 1 and figure 2.

    With shortcut None the sum is left out: y = act(F(x)), a plain net.
    """

    body: nn.Module
    shortcut: nn.Module | None

    def __init__(
        self, body: nn.Module, shortcut: nn.Module | None, act: str = "none", first: str = "body"
    ):
        super().__init__()
        parts = {"body": body, "shortcut": shortcut}
        for name in sorted(parts, key=lambda name: name != first):  # the order in the state dict
            self.add_module(name, parts[name])
        self.drop = None if shortcut is None else 0.0
        self.act = nn.Sequential(*activation(act))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> what body and shortcut agree on."""
        y = self.body(x)
        if self.shortcut is not None:
            y = self.shortcut(x) + self.kept(y)
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
