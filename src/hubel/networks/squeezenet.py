"""SqueezeNet. Iandola et al. 2016, arXiv 1602.07360, table 1; 1.1 is the authors' later, cheaper
form.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from hubel.blocks import ConvNorm, Pool
from hubel.blocks.mixed import mixed
from hubel.networks.spec import Spec, facts, row


class Fire(nn.Sequential):
    """y = [E_1 * s, E_3 * s], s = act(S * x): squeeze, expand by 1x1 and 3x3. Figure 1."""

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, kernel: int = 3, act: str = "relu"
    ):
        squeeze, half = c_out // 8, c_out // 2
        super().__init__(
            ConvNorm(c_in, squeeze, norm="none", act=act),
            mixed(squeeze, (((half, 1),), ((half, kernel),)), norm="none", act=act),
        )


class ConvClassifier(nn.Sequential):
    """logits = mean of act(W * x), W 1x1 to the classes: no dense layer. Section 3.3."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, act: str):
        super().__init__(
            nn.Dropout(0.5),
            ConvNorm(c_in, c_out, norm="none", act=act),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )


def squeezenet(
    stem: tuple[int, int], pools: tuple[int, ...], *, kernel: int = 3, act: str = "relu",
    pool: str = "max",
) -> Spec:  # fmt: skip
    """Table 1: eight fire modules, pooling in front of those that `pools` names."""
    pooling = row(Pool, stride=2, kind=pool, kernel=3, ceil=True)
    stages = []
    for i, width in enumerate((128, 128, 256, 256, 384, 384, 512, 512)):
        if i in pools:
            stages.append(pooling)
        stages.append(row(Fire, width, kernel=kernel, act=act))
    return Spec(
        stem=(
            row(ConvNorm, stem[0], stride=2, kernel=stem[1], padding=0, norm="none", act=act),
            pooling,
        ),
        stages=tuple(stages),
        head=(row(ConvClassifier, 1000, act=act),),
        facts=facts("1602.07360"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    "squeezenet1_0": partial(squeezenet, (96, 7), (3, 7)),
    "squeezenet1_1": partial(squeezenet, (64, 3), (2, 4)),
}
