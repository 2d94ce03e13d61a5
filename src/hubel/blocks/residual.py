"""The two blocks of residual networks. He et al. 2015, arXiv 1512.03385, figure 5."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from hubel.blocks.attention import SqueezeExcite
from hubel.blocks.combine import Residual
from hubel.blocks.conv import ConvNorm


class PadShortcut(nn.Module):
    """y = every stride-th cell of x, with zero channels added: option A of section 4.1."""

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        self.stride, self.extra = stride, c_out - c_in

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride)."""
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.extra // 2, self.extra - self.extra // 2))

    def dilate(self, stride: int, dilation: int) -> None:
        """Take every stride-th cell."""
        self.stride = stride


def shortcut_of(
    kind: str, c_in: int, c_out: int, stride: int, norm: str, kernel: int = 1
) -> nn.Module | None:
    """The way around a block: "projection", "pad" or "none"; nothing to do where shapes agree."""
    if kind == "none":
        return None
    if c_in == c_out and stride == 1:
        return nn.Identity()
    if kind == "pad":
        return PadShortcut(c_in, c_out, stride)
    # A wide projection is for the strides only: at stride 1 there is nothing to look around for.
    return ConvNorm(c_in, c_out, kernel if stride > 1 else 1, stride, act="none", norm=norm)


class Basic(Residual):
    """y = act(x + W_2 * act(W_1 * x)), both 3x3: figure 5, left.

    With `act_first` the branch has an activation of its own before the sum.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, shortcut: str = "projection",
        base: int = 64, groups: int = 1, kernel: int = 3, se: int = 0, act: str = "relu",
        norm: str = "batch", stride_on: str = "3x3", act_first: bool = False,
    ):  # fmt: skip
        inner, last = c_out * base // 64 * groups, act if act_first else "none"
        body = nn.Sequential(
            ConvNorm(c_in, inner, kernel, stride, groups=groups, act=act, norm=norm),
            ConvNorm(inner, c_out, kernel, groups=groups, act=last, norm=norm),
            *([SqueezeExcite(c_out, c_out // se)] if se else []),
        )
        super().__init__(body, shortcut_of(shortcut, c_in, c_out, stride, norm), act)


class Bottleneck(Residual):
    """y = act(x + W_3 * act(W_2 * act(W_1 * x))), 1x1, 3x3 and 1x1: figure 5, right.

    The 3x3 has c_out / 4 x base / 64 x groups channels; `reduce` divides those of the first 1x1.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, shortcut: str = "projection",
        base: int = 64, groups: int = 1, kernel: int = 3, se: int = 0, act: str = "relu",
        norm: str = "batch", stride_on: str = "3x3", reduce: int = 1, project: int = 1,
    ):  # fmt: skip
        inner = c_out // 4 * base // 64 * groups
        first, second = (stride, 1) if stride_on == "1x1" else (1, stride)
        entry = inner // reduce // groups * groups
        body = nn.Sequential(
            ConvNorm(c_in, entry, 1, first, act=act, norm=norm),
            ConvNorm(entry, inner, kernel, second, groups=groups, act=act, norm=norm),
            ConvNorm(inner, c_out, act="none", norm=norm),
            *([SqueezeExcite(c_out, c_out // se)] if se else []),
        )
        super().__init__(body, shortcut_of(shortcut, c_in, c_out, stride, norm, project), act)


EXPANSION: Mapping[type[Residual], int] = {Basic: 1, Bottleneck: 4}
