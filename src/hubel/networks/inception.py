"""BN-Inception, SE-Inception and Inception-v3.

Ioffe, Szegedy 2015, arXiv 1502.03167, figure 5 (bn_inception); the same with squeeze-and-excitation
behind every module, Hu et al. 2017, arXiv 1709.01507, figure 2; Szegedy et al. 2015, arXiv
1512.00567, table 1 (inception_v3, as torchvision and timm have it).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from hubel.blocks import ConvNorm, Mixed, Pool, SqueezeExcite
from hubel.networks.spec import Spec, classifier, facts, row

# Figure 5: 1x1, 3x3 and its reduction, double 3x3 and its reduction, pool; no 1x1 and no pool
# projection where the module strides.
# fmt: off
BN = (
    (64, 64, 64, 64, 96, "avg", 32), (64, 64, 96, 64, 96, "avg", 64),
    (0, 128, 160, 64, 96, "max", 0), (224, 64, 96, 96, 128, "avg", 128),
    (192, 96, 128, 96, 128, "avg", 128), (160, 128, 160, 128, 160, "avg", 128),
    (96, 128, 192, 160, 192, "avg", 128), (0, 128, 192, 192, 256, "max", 0),
    (352, 192, 320, 160, 224, "avg", 128), (352, 192, 320, 192, 224, "max", 128),
)
# fmt: on


class Gated(nn.Sequential):
    """y = se(mixed(x))."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, se: int, **options: Any):
        mixed = Mixed(c_in, c_out, stride, **options)
        super().__init__(mixed, SqueezeExcite(mixed.c_out, mixed.c_out // se))
        self.c_out = mixed.c_out


def bn_inception(*, se: int = 0, act: str = "relu", norm: str = "batch", head: str = "gap") -> Spec:
    """Figure 5, row by row."""
    conv: dict[str, Any] = {"act": act, "norm": norm}
    block = partial(row, Gated, se=se) if se else partial(row, Mixed)
    pooling = row(Pool, stride=2, kernel=3, ceil=True)
    stages = []
    for one, three_in, three, five_in, five, pool, project in BN:
        ways: tuple[Any, ...] = (
            ((three_in, 1), (three, 3)),
            ((five_in, 1), (five, 3), (five, 3)),
            (pool, (project, 1)) if project else (pool,),
        )
        ways = (((one, 1),), *ways) if one else ways
        stages.append(block(stride=1 if one else 2, branches=ways, **conv))
    return Spec(
        stem=(
            row(ConvNorm, 64, stride=2, kernel=7, **conv),
            pooling,
            row(ConvNorm, 64, **conv),
            row(ConvNorm, 192, kernel=3, **conv),
            pooling,
        ),
        stages=tuple(stages),
        head=(classifier(head, 1000),),
        facts=facts("1709.01507" if se else "1502.03167"),
    )


class Auxiliary(nn.Sequential):
    """logits of the 17x17 map: mean 5x5/3, 1x1, 5x5, dense. Section 4."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, **conv: Any):
        super().__init__(
            nn.AvgPool2d(5, 3),
            ConvNorm(c_in, 128, **conv),
            ConvNorm(128, 768, 5, padding=0, **conv),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(768, c_out),
        )


def _a(pool: int) -> tuple[Any, ...]:
    """Figure 5: 35x35."""
    return ((64, 1),), ((48, 1), (64, 5)), ((64, 1), (96, 3), (96, 3)), ("avg", (pool, 1))


def _c(c: int) -> tuple[Any, ...]:
    """Figure 6: 17x17, 7x7 as 1x7 and 7x1."""
    wide, high = (1, 7), (7, 1)
    return (
        ((192, 1),),
        ((c, 1), (c, wide), (192, high)),
        ((c, 1), (c, high), (c, wide), (c, high), (192, wide)),
        ("avg", (192, 1)),
    )


# Figure 10 (twice) and figure 7, whose last 3x3 forks into 1x3 and 3x1.
B = (((384, 3),), ((64, 1), (96, 3), (96, 3)), ("max",))
D = (((192, 1), (320, 3)), ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3)), ("max",))
FORK = (((384, (1, 3)),), ((384, (3, 1)),))
E = (((320, 1),), ((384, 1), FORK), ((448, 1), (384, 3), FORK), ("avg", (192, 1)))


def v3(*, act: str = "relu", norm: str = "batch", head: str = "gap", aux: bool = True) -> Spec:
    """Table 1, row by row."""
    conv: dict[str, Any] = {"act": act, "norm": norm, "eps": 1e-3}
    table = [(_a(32), 1), (_a(64), 1), (_a(64), 1), (B, 2)]
    table += [(_c(128), 1), (_c(160), 1), (_c(160), 1), (_c(192), 1), (D, 2), (E, 1), (E, 1)]
    return Spec(
        stem=(
            row(ConvNorm, 32, stride=2, kernel=3, padding=0, **conv),
            row(ConvNorm, 32, kernel=3, padding=0, **conv),
            row(ConvNorm, 64, kernel=3, **conv),
            row(Pool, stride=2, kernel=3),
            row(ConvNorm, 80, **conv),
            row(ConvNorm, 192, kernel=3, padding=0, **conv),
            row(Pool, stride=2, kernel=3),
        ),
        stages=tuple(
            row(Mixed, stride=s, branches=branches, padded=False, **conv) for branches, s in table
        ),
        head=(classifier(head, 1000, dropout=0.5),),
        aux={"stages.7": row(Auxiliary, 1000, **conv)} if aux else {},
        size=299,
        facts=facts("1512.00567"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    "bn_inception": bn_inception,
    "se_bn_inception": partial(bn_inception, se=16),
    "inception_v3": v3,
}
