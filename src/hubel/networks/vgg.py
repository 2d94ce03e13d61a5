"""VGG. Simonyan, Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image
Recognition".

arXiv 1409.1556, table 1, columns A, B, D and E. The forms with batch norm came later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hubel.blocks import ConvNorm, Pool
from hubel.networks.spec import Spec, classifier, facts, row


def vgg(
    depths: tuple[int, ...], *, norm: str = "none", act: str = "relu", kernel: int = 3,
    pool: str = "max", head: str = "dense",
) -> Spec:  # fmt: skip
    """Table 1: 3x3 convolutions of 64, 128, 256, 512, 512 channels, pooling after each group."""
    stages = []
    for depth, width in zip(depths, (64, 128, 256, 512, 512)):
        stages.append(row(ConvNorm, width, depth, kernel=kernel, norm=norm, act=act, bias=True))
        stages.append(row(Pool, stride=2, kind=pool))
    dense = classifier(head, 1000, hidden=(4096, 4096), grid=7, act=act, dropout=0.5)
    return Spec(stem=(), stages=tuple(stages), head=(dense,), facts=facts("1409.1556"))


DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}

VARIANTS: dict[str, Callable[..., Spec]] = {
    **{f"vgg{layers}": partial(vgg, depths) for layers, depths in DEPTHS.items()},
    **{f"vgg{layers}_bn": partial(vgg, depths, norm="batch") for layers, depths in DEPTHS.items()},
}
