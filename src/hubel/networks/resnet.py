"""Residual networks and those that change one number of them.

He, Zhang, Ren, Sun 2015, "Deep Residual Learning for Image Recognition", arXiv 1512.03385, tables 1
and 6. ResNeXt (Xie et al. 2016, arXiv 1611.05431) has groups=32, width=4; the wide bottleneck
networks (Zagoruyko, Komodakis 2016, arXiv 1605.07146) have width=128; SE-ResNet (Hu et al. 2017,
arXiv 1709.01507) has se=16. The ImageNet forms stride in the 3x3 of a bottleneck, as the published
weights do; the paper's own place is stride_on="1x1".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from hubel.blocks import EXPANSION, Basic, Bottleneck, ConvNorm, Residual
from hubel.networks.spec import Spec, classifier, entry, facts, one_of, row

RESNET, RESNEXT, WIDE, SE = "1512.03385", "1611.05431", "1605.07146", "1709.01507"


def identity(network: nn.Module) -> None:
    """Every residual branch starts at zero: the last norm's scale is 0 (Goyal et al. 2017)."""
    for part in network.modules():
        if isinstance(part, Residual):
            last = [m for m in part.body.modules() if isinstance(m, nn.BatchNorm2d)][-1]
            last.weight.zero_()


INITS = {"he": None, "identity": identity}


def imagenet(
    block: type[Residual], depths: tuple[int, ...], paper: str = RESNET, *, skip: str = "add",
    shortcut: str = "projection", se: int = 0, kernel: int = 3, act: str = "relu",
    norm: str = "batch", groups: int = 1, width: int = 64, pool: str = "max", head: str = "gap",
    stride_on: str = "3x3", init: str = "he",
) -> Spec:  # fmt: skip
    """Table 1: planes 64, 128, 256, 512; a 3x3 has planes x width / 64 x groups channels."""
    options = _options(skip, shortcut, se, kernel, act, norm)
    options |= {"base": width, "groups": groups, "stride_on": stride_on}
    return Spec(
        stem=entry(64, 7, pool, act=act, norm=norm),
        stages=tuple(
            row(block, 64 * 2**i * EXPANSION[block], depth, 1 if i == 0 else 2, **options)
            for i, depth in enumerate(depths)
        ),
        head=(classifier(head, 1000),),
        init=INITS[one_of("init", init, INITS)],
        facts=facts(paper),
    )


def cifar(
    n: int, *, skip: str = "add", shortcut: str = "pad", se: int = 0, kernel: int = 3,
    act: str = "relu", norm: str = "batch", width: int = 16, head: str = "gap", init: str = "he",
) -> Spec:  # fmt: skip
    """Section 4.2: 6n + 2 layers for 32x32 pictures, n blocks of each 16, 32 and 64 channels."""
    options = _options(skip, shortcut, se, kernel, act, norm)
    return Spec(
        stem=(row(ConvNorm, width, kernel=3, act=act, norm=norm),),
        stages=tuple(row(Basic, width * 2**i, n, 1 if i == 0 else 2, **options) for i in range(3)),
        head=(classifier(head, 10),),
        size=32,
        init=INITS[one_of("init", init, INITS)],
        facts=facts(RESNET),
    )


def _options(skip: str, shortcut: str, se: int, kernel: int, act: str, norm: str) -> dict[str, Any]:
    if kernel % 2 == 0:
        raise ValueError(f"kernel={kernel}: a residual block needs an odd kernel to keep its size")
    way = "none" if skip == "none" else shortcut
    return {"shortcut": way, "se": se, "kernel": kernel, "act": act, "norm": norm}


DEPTHS: dict[int, tuple[Any, tuple[int, ...]]] = {
    18: (Basic, (2, 2, 2, 2)),
    34: (Basic, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
CIFAR_DEPTHS = (20, 32, 44, 56, 110, 1202)
NEXT = ((50, 32, 4), (101, 32, 4), (101, 32, 8), (101, 64, 4))


def _of(depth: int, paper: str, **words: Any) -> Callable[..., Spec]:
    return partial(imagenet, *DEPTHS[depth], paper, **words)


VARIANTS: dict[str, Callable[..., Spec]] = {
    **{f"resnet{depth}": _of(depth, RESNET) for depth in DEPTHS},
    **{f"plain{depth}": partial(imagenet, *DEPTHS[depth], skip="none") for depth in (18, 34)},
    "resnet14": partial(cifar, 2, shortcut="projection"),
    **{f"resnet{depth}": partial(cifar, (depth - 2) // 6) for depth in CIFAR_DEPTHS},
    **{f"plain{n}": partial(cifar, (n - 2) // 6, skip="none") for n in CIFAR_DEPTHS[:-1]},
    **{f"resnext{n}_{g}x{w}d": _of(n, RESNEXT, groups=g, width=w) for n, g, w in NEXT},
    "wide_resnet50_2": _of(50, WIDE, width=128),
    "wide_resnet101_2": _of(101, WIDE, width=128),
    **{f"seresnet{depth}": _of(depth, SE, se=16) for depth in (50, 101, 152)},
    **{f"seresnext{n}_{g}x{w}d": _of(n, SE, groups=g, width=w, se=16) for n, g, w in NEXT[:3]},
}
