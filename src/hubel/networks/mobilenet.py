"""MobileNet, versions 1 to 3, and MnasNet.

1: Howard et al. 2017, arXiv 1704.04861, table 1. 2: Sandler et al. 2018, arXiv 1801.04381, table 2.
3: Howard et al. 2019, arXiv 1905.02244, tables 1 and 2; torchvision's weights were trained with a
norm eps of 1e-3 (`mobilenet_v3_*`), timm's with 1e-5 (`mobilenetv3_*`). MnasNet, A1 with
squeeze-and-excitation and B1 without: Tan et al. 2018, arXiv 1807.11626.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hubel.blocks import Classifier, ConvNorm, MBConv, SeparableConv
from hubel.networks.spec import Spec, classifier, facts, rounded, row


def v1(
    width: float, *, kernel: int = 3, act: str = "relu6", norm: str = "batch", head: str = "gap"
) -> Spec:
    """Table 1, every width times the multiplier."""
    options: dict[str, Any] = {"act": act, "norm": norm}
    return Spec(
        stem=(row(ConvNorm, rounded(32 * width), stride=2, kernel=3, **options),),
        stages=tuple(
            row(SeparableConv, rounded(c * width), n, s, kernel=kernel, **options)
            for c, n, s in ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))
        ),
        head=(classifier(head, 1000),),
        facts=facts("1704.04861"),
    )


# expansion, kernel, width, depth, stride, squeeze
# fmt: off
TABLE_2 = (
    (1, 3, 16, 1, 1, 0), (6, 3, 24, 2, 2, 0), (6, 3, 32, 3, 2, 0), (6, 3, 64, 4, 2, 0),
    (6, 3, 96, 3, 1, 0), (6, 3, 160, 3, 2, 0), (6, 3, 320, 1, 1, 0),
)
B1 = (
    (1, 3, 16, 1, 1, 0), (3, 3, 24, 3, 2, 0), (3, 5, 40, 3, 2, 0), (6, 5, 80, 3, 2, 0),
    (6, 3, 96, 2, 1, 0), (6, 5, 192, 4, 2, 0), (6, 3, 320, 1, 1, 0),
)
A1 = (
    (1, 3, 16, 1, 1, 0), (6, 3, 24, 2, 2, 0), (3, 5, 40, 3, 2, 4), (6, 3, 80, 4, 2, 0),
    (6, 3, 112, 2, 1, 4), (6, 5, 160, 3, 2, 4), (6, 3, 320, 1, 1, 0),
)
# fmt: on


def v2(
    table: tuple[tuple[int, ...], ...], width: float, last: int, paper: str, *,
    skip: str = "add", se: int = 0, kernel: int = 0, act: str = "relu6", norm: str = "batch",
    head: str = "gap",
) -> Spec:  # fmt: skip
    """Table 2 of Sandler et al., figure 7 of Tan et al.: every width times the multiplier.

    `kernel` and `se` take the place of the table's where they are given.
    """
    both: dict[str, Any] = {"act": act, "norm": norm}
    block = {"skip": skip, **both}
    return Spec(
        stem=(row(ConvNorm, rounded(32 * width), stride=2, kernel=3, **both),),
        stages=tuple(
            row(MBConv, rounded(c * width), n, s, expand=t, kernel=kernel or k, se=se or r, **block)
            for t, k, c, n, s, r in table
        ),
        head=(row(ConvNorm, last, **both), classifier(head, 1000, dropout=0.2)),
        facts=facts(paper),
    )


# kernel, hidden, width, squeeze, activation (ReLU or hard swish), stride of version 3.
# fmt: off
LARGE = (
    (3, 16, 16, 0, "RE", 1), (3, 64, 24, 0, "RE", 2), (3, 72, 24, 0, "RE", 1),
    (5, 72, 40, 4, "RE", 2), (5, 120, 40, 4, "RE", 1), (5, 120, 40, 4, "RE", 1),
    (3, 240, 80, 0, "HS", 2), (3, 200, 80, 0, "HS", 1), (3, 184, 80, 0, "HS", 1),
    (3, 184, 80, 0, "HS", 1), (3, 480, 112, 4, "HS", 1), (3, 672, 112, 4, "HS", 1),
    (5, 672, 160, 4, "HS", 2), (5, 960, 160, 4, "HS", 1), (5, 960, 160, 4, "HS", 1),
)
SMALL = (
    (3, 16, 16, 4, "RE", 2), (3, 72, 24, 0, "RE", 2), (3, 88, 24, 0, "RE", 1),
    (5, 96, 40, 4, "HS", 2), (5, 240, 40, 4, "HS", 1), (5, 240, 40, 4, "HS", 1),
    (5, 120, 48, 4, "HS", 1), (5, 144, 48, 4, "HS", 1), (5, 288, 96, 4, "HS", 2),
    (5, 576, 96, 4, "HS", 1), (5, 576, 96, 4, "HS", 1),
)
ACTS = {"RE": "relu", "HS": "hardswish"}
# fmt: on


def v3(
    table: tuple[tuple[int, int, int, int, str, int], ...], last: tuple[int, int], *,
    skip: str = "add", eps: float = 1e-3, padding: str = "half",
) -> Spec:  # fmt: skip
    """Tables 1 and 2: one row for every block; the squeeze is a fourth of its hidden channels."""
    both: dict[str, Any] = {"eps": eps, "padding": padding}
    block = partial(row, MBConv, reduced=rounded, se_act="relu", gate="hardsigmoid", skip=skip)
    hard = {"act": "hardswish", **both}
    dense = row(Classifier, 1000, hidden=(last[1],), act="hardswish", dropout=0.2)
    return Spec(
        stem=(row(ConvNorm, 16, stride=2, kernel=3, **hard),),
        stages=tuple(
            block(c, stride=s, hidden=e, kernel=k, se=se, act=ACTS[act], **both)
            for k, e, c, se, act, s in table
        ),
        head=(row(ConvNorm, last[0], **hard), dense),
        facts=facts("1905.02244"),
    )


MNAS: dict[str, Any] = {"last": 1280, "paper": "1807.11626", "act": "relu"}
large, small = partial(v3, LARGE, (960, 1280)), partial(v3, SMALL, (576, 1024))
tensorflow: dict[str, Any] = {"padding": "tensorflow", "eps": 1e-3}

VARIANTS: dict[str, Callable[..., Spec]] = {
    **{f"mobilenetv1_{round(100 * w):03}": partial(v1, w) for w in (0.25, 0.5, 0.75, 1.0)},
    "mobilenet_v2": partial(v2, TABLE_2, 1.0, 1280, "1801.04381"),
    **{
        f"mobilenetv2_{round(100 * w):03}": partial(v2, TABLE_2, w, last, "1801.04381")
        for w, last in ((0.5, 1280), (1.0, 1280), (1.4, 1792))
    },
    "mobilenet_v3_large": large,
    "mobilenet_v3_small": small,
    "mobilenetv3_large_100": partial(large, eps=1e-5),
    "mobilenetv3_small_100": partial(small, eps=1e-5),
    "tf_mobilenetv3_large_100": partial(large, **tensorflow),
    "tf_mobilenetv3_small_100": partial(small, **tensorflow),
    **{f"mnasnet{w}".replace(".", "_"): partial(v2, B1, w, **MNAS) for w in (0.5, 0.75, 1.0, 1.3)},
    **{f"mnasnet_{round(100 * w):03}": partial(v2, B1, w, **MNAS) for w in (0.5, 0.75, 1.0, 1.4)},
    **{f"semnasnet_{round(100 * w):03}": partial(v2, A1, w, **MNAS) for w in (0.5, 0.75, 1.0, 1.4)},
}
