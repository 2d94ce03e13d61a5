"""ConvNeXt. Liu et al. 2022, "A ConvNet for the 2020s", arXiv 2201.03545, table 9 and figure 4."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from hubel.blocks import ChannelNorm, Conv2d, Once, Sum, activation
from hubel.networks.spec import Spec, facts, row


class Block(Sum):
    """y = x + gamma * W_2 act(W_1 norm(D * x)): D 7x7 a channel, W_1 and W_2 1x1. Figure 4."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, kernel: int, act: str, skip: str):
        super().__init__()
        self.drop = 0.0 if skip == "add" else None
        self.gamma = nn.Parameter(torch.full((c_out,), 1e-6))
        self.depthwise = Conv2d(c_out, c_out, kernel, padding=kernel // 2, groups=c_out)
        self.norm = nn.LayerNorm(c_out, eps=1e-6)
        self.body = nn.Sequential(
            nn.Linear(c_out, 4 * c_out), *activation(act), nn.Linear(4 * c_out, c_out)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        y = self.depthwise(x).permute(0, 2, 3, 1)  # (N, H, W, C)
        y = (self.gamma * self.body(self.norm(y))).permute(0, 3, 1, 2)
        return y if self.drop is None else x + self.kept(y)


class Stem(nn.Sequential):
    """y = norm(W * x), W of non-overlapping patches."""

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__(Conv2d(c_in, c_out, stride, stride), ChannelNorm(c_out, eps=1e-6))


class Downsample(Once, nn.Sequential):
    """y = W * norm(x), W of non-overlapping patches. Section 2.6."""

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__(ChannelNorm(c_in, eps=1e-6), Conv2d(c_in, c_out, stride, stride))


class Head(nn.Sequential):
    """logits = W norm(mean(x))."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1):
        norm = nn.LayerNorm(c_in, eps=1e-6)
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), norm, nn.Linear(c_in, c_out))


def draw(network: nn.Module) -> None:
    """Appendix A.1: normal, cut at two units, of deviation 0.02; biases 0."""
    for part in network.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            nn.init.trunc_normal_(part.weight, std=0.02)
            if part.bias is not None:
                part.bias.zero_()


def convnext(
    depths: tuple[int, ...], width: int, *, skip: str = "add", kernel: int = 7, act: str = "gelu"
) -> Spec:
    """Table 9: widths doubled from stage to stage."""
    stages = []
    for i, depth in enumerate(depths):
        if i > 0:
            stages.append(row(Downsample, width * 2**i, stride=2))
        stages.append(row(Block, width * 2**i, depth, kernel=kernel, act=act, skip=skip))
    return Spec(
        stem=(row(Stem, width, stride=4),),
        stages=tuple(stages),
        head=(row(Head, 1000),),
        init=draw,
        facts=facts("2201.03545"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    "convnext_tiny": partial(convnext, (3, 3, 9, 3), 96),
    "convnext_small": partial(convnext, (3, 3, 27, 3), 96),
    "convnext_base": partial(convnext, (3, 3, 27, 3), 128),
    "convnext_large": partial(convnext, (3, 3, 27, 3), 192),
}
