"""The SENets whose weights the authors published. Hu, Shen, Sun 2017, arXiv 1709.01507, tables 1
and 2.

Against the SE forms of `resnet`: SE-ResNet strides in the first 1x1, the pooling of the stem hangs
over the edge instead of padding, and SENet-154 has a stem of three 3x3, 3x3 projections, and half
the channels in the first 1x1 of a block. Basic blocks have one activation more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hubel.blocks import EXPANSION, Basic, Bottleneck, ConvNorm, Pool
from hubel.networks.spec import Spec, classifier, facts, row


def senet(
    block: Any, depths: tuple[int, ...], deep: bool = False, *, se: int = 16, groups: int = 1,
    width: int = 64, stride_on: str = "1x1", act: str = "relu", norm: str = "batch",
    head: str = "gap",
) -> Spec:  # fmt: skip
    """Table 1; `deep` is SENet-154."""
    both: dict[str, Any] = {"act": act, "norm": norm}
    options = {"se": se, "groups": groups, "base": width, "stride_on": stride_on, **both}
    stem = [row(ConvNorm, 64, stride=2, kernel=7, **both)]
    options |= {"act_first": True} if block is Basic else {}
    if deep:
        options |= {"reduce": 2, "project": 3}
        three = partial(row, ConvNorm, kernel=3, **both)
        stem = [three(width=64, stride=2), three(width=64), three(width=128)]
    return Spec(
        stem=(*stem, row(Pool, stride=2, kernel=3, ceil=True)),
        stages=tuple(
            row(block, 64 * 2**i * EXPANSION[block], depth, 1 if i == 0 else 2, **options)
            for i, depth in enumerate(depths)
        ),
        head=(classifier(head, 1000, dropout=0.2 if deep else 0.0),),
        facts=facts("1709.01507"),
    )


DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
grouped: dict[str, Any] = {"groups": 32, "width": 4, "stride_on": "3x3"}

VARIANTS: dict[str, Callable[..., Spec]] = {
    "legacy_seresnet18": partial(senet, Basic, (2, 2, 2, 2)),
    "legacy_seresnet34": partial(senet, Basic, (3, 4, 6, 3)),
    **{f"legacy_seresnet{n}": partial(senet, Bottleneck, d) for n, d in DEPTHS.items()},
    "legacy_seresnext50_32x4d": partial(senet, Bottleneck, DEPTHS[50], **grouped),
    "legacy_seresnext101_32x4d": partial(senet, Bottleneck, DEPTHS[101], **grouped),
    "legacy_senet154": partial(senet, Bottleneck, DEPTHS[152], True, **{**grouped, "groups": 64}),
}
