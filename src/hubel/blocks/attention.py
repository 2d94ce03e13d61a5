"""Channels weighed by what the whole map holds."""

from __future__ import annotations

from torch import Tensor, nn

from hubel.blocks.conv import Conv2d
from hubel.ops.layers import activation


class SqueezeExcite(nn.Module):
    """y = x * gate(W_2 act(W_1 mean(x))), one factor per channel.

    Hu, Shen, Sun 2017, arXiv 1709.01507, equations 2 to 4. A dilated one takes the mean over the
    cells that the undilated one has.
    """

    step = 1

    def __init__(self, channels: int, reduced: int, *, act: str = "relu", gate: str = "sigmoid"):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            Conv2d(channels, reduced, 1),
            *activation(act),
            Conv2d(reduced, channels, 1),
            *activation(gate),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        return x * self.gate(x if self.step == 1 else x[:, :, :: self.step, :: self.step])

    def dilate(self, stride: int, dilation: int) -> None:
        """Look at every dilation-th cell."""
        self.step = dilation
