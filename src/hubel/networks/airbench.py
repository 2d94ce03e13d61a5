"""The CIFAR-10 record networks of airbench. Jordan 2024, arXiv 2404.00498, section 3.

The first 2x2 convolution is meant to be set to the whitening of the training pictures' patches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from hubel.blocks import ConvNorm, NormAct, Pool, Residual
from hubel.networks.spec import Spec, facts, one_of, row


class Whitened(ConvNorm):
    """y = act(W * x + b), 2x2: a filter for both signs of each of the patches' axes."""

    def __init__(self, c_in: int, c_out: int = 0, stride: int = 1, *, act: str):
        self.c_out = 8 * c_in
        super().__init__(c_in, self.c_out, 2, padding=0, norm="none", act=act)


class Group(nn.Sequential):
    """y = act(norm(V * act(norm(maximum(W * x))))), 3x3; x goes around a third one if `deep`."""

    def __init__(
        self, c_in: int, c_out: int, stride: int = 2, *, deep: bool, act: str, norm: str, skip: str
    ):
        conv = partial(ConvNorm, kernel=3, act="none", norm=norm, bias=False)
        layers: list[Any] = [
            conv(c_in, c_out, norm="none"),
            *([Pool(c_out, stride=stride)] if stride > 1 else []),
            NormAct(c_out, norm=norm, act=act),
        ]
        second = conv(c_out, c_out, act=act)
        if deep:
            body = nn.Sequential(second, conv(c_out, c_out))
            layers.append(Residual(body, nn.Identity() if skip == "add" else None, act))
        else:
            layers.append(second)
        super().__init__(*layers)


class Scaled(nn.Module):
    """logits = W maximum(x) / 9."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1):
        super().__init__()
        self.dense = nn.Linear(c_in, c_out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out)."""
        return self.dense(x.amax((2, 3))) / 9


def identity(network: nn.Module) -> None:
    """3x3 convolutions hand their first inputs on (section 3.3)."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3):
            nn.init.dirac_(part.weight[: part.in_channels])


def airbench(
    widths: tuple[int, int, int], deep: bool = False, *, skip: str = "add", act: str = "gelu",
    norm: str = "batch", init: str = "identity",
) -> Spec:  # fmt: skip
    """Section 3.1: whitening filters, 24 for three colours, and three groups."""
    one_of("init", init, ("identity", "he"))
    group = partial(row, Group, stride=2, deep=deep, act=act, norm=norm, skip=skip)
    return Spec(
        stem=(row(Whitened, act=act),),
        stages=tuple(group(width=width) for width in widths),
        head=(row(Scaled, 10),),
        size=32,
        init=identity if init == "identity" else None,
        facts=facts("2404.00498"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    "airbench94": partial(airbench, (64, 256, 256)),
    "airbench95": partial(airbench, (128, 384, 384)),
    "airbench96": partial(airbench, (128, 384, 512), True),
}
