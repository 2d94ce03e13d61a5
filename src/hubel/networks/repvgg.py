"""RepVGG: trained with three branches, used as one convolution.

Ding et al. 2021, arXiv 2101.03697, table 2 and section 3.3. The published sizes are those after
`fuse`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hubel.blocks import RepConv
from hubel.networks.spec import Spec, classifier, facts, row


def repvgg(
    depths: tuple[int, ...], a: float, b: float, every_second: int = 1, *, act: str = "relu",
    head: str = "gap",
) -> Spec:  # fmt: skip
    """Table 2: widths 64a, 128a, 256a, 512b; every second block in groups for the g4 forms."""
    stages = []
    for depth, width in zip(depths, (64 * a, 128 * a, 256 * a, 512 * b)):
        for i in range(depth):
            groups = every_second if i % 2 else 1
            stages.append(row(RepConv, int(width), 1, 1 if i else 2, groups=groups, act=act))
    return Spec(
        stem=(row(RepConv, int(min(64, 64 * a)), stride=2, act=act),),
        stages=tuple(stages),
        head=(classifier(head, 1000),),
        facts=facts("2101.03697"),
    )


A, B = (2, 4, 14, 1), (4, 6, 16, 1)

VARIANTS: dict[str, Callable[..., Spec]] = {
    "repvgg_a0": partial(repvgg, A, 0.75, 2.5),
    "repvgg_a1": partial(repvgg, A, 1, 2.5),
    "repvgg_a2": partial(repvgg, A, 1.5, 2.75),
    "repvgg_b0": partial(repvgg, B, 1, 2.5),
    "repvgg_b1": partial(repvgg, B, 2, 4),
    "repvgg_b1g4": partial(repvgg, B, 2, 4, 4),
    "repvgg_b2": partial(repvgg, B, 2.5, 5),
    "repvgg_b2g4": partial(repvgg, B, 2.5, 5, 4),
    "repvgg_b3": partial(repvgg, B, 3, 5),
    "repvgg_b3g4": partial(repvgg, B, 3, 5, 4),
}
