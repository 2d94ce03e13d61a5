"""MobileNet, versions 1 to 3.

1: Howard et al. 2017, arXiv 1704.04861, table 1. 2: Sandler et al. 2018, arXiv 1801.04381, table 2.
3: Howard et al. 2019, arXiv 1905.02244, tables 1 and 2; torchvision's weights were trained with a
norm eps of 1e-3 (`mobilenet_v3_*`), timm's with 1e-5 (`mobilenetv3_*`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hubel.blocks import Classifier, ConvNorm, MBConv, SeparableConv
from hubel.networks.spec import Spec, classifier, facts, one_of, rounded, row


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
        facts=facts("MobileNets", "Howard et al.", 2017, "1704.04861"),
    )


# t, c, n, s of version 2: expansion, width, depth, stride.
TABLE_2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def v2(
    width: float, *, skip: str = "add", se: int = 0, kernel: int = 3, act: str = "relu6", norm: str
    = "batch", head: str = "gap",
) -> Spec:  # fmt: skip
    """Table 2, every width times the multiplier; the last 1x1 never has less than 1280."""
    one_of("skip", skip, ("add", "none"))
    conv: dict[str, Any] = {"act": act, "norm": norm}
    block = {"skip": skip, "se": se, "kernel": kernel, **conv}
    return Spec(
        stem=(row(ConvNorm, rounded(32 * width), stride=2, kernel=3, **conv),),
        stages=tuple(
            row(MBConv, rounded(c * width), n, s, expand=t, **block) for t, c, n, s in TABLE_2
        ),
        head=(
            row(ConvNorm, rounded(1280 * max(1.0, width)), **conv),
            classifier(head, 1000, dropout=0.2),
        ),
        facts=facts("MobileNetV2", "Sandler et al.", 2018, "1801.04381"),
    )


# kernel, hidden, width, squeeze, activation, stride of version 3.
LARGE = (
    (3, 16, 16, 0, "relu", 1),
    (3, 64, 24, 0, "relu", 2),
    (3, 72, 24, 0, "relu", 1),
    (5, 72, 40, 4, "relu", 2),
    (5, 120, 40, 4, "relu", 1),
    (5, 120, 40, 4, "relu", 1),
    (3, 240, 80, 0, "hardswish", 2),
    (3, 200, 80, 0, "hardswish", 1),
    (3, 184, 80, 0, "hardswish", 1),
    (3, 184, 80, 0, "hardswish", 1),
    (3, 480, 112, 4, "hardswish", 1),
    (3, 672, 112, 4, "hardswish", 1),
    (5, 672, 160, 4, "hardswish", 2),
    (5, 960, 160, 4, "hardswish", 1),
    (5, 960, 160, 4, "hardswish", 1),
)
SMALL = (
    (3, 16, 16, 4, "relu", 2),
    (3, 72, 24, 0, "relu", 2),
    (3, 88, 24, 0, "relu", 1),
    (5, 96, 40, 4, "hardswish", 2),
    (5, 240, 40, 4, "hardswish", 1),
    (5, 240, 40, 4, "hardswish", 1),
    (5, 120, 48, 4, "hardswish", 1),
    (5, 144, 48, 4, "hardswish", 1),
    (5, 288, 96, 4, "hardswish", 2),
    (5, 576, 96, 4, "hardswish", 1),
    (5, 576, 96, 4, "hardswish", 1),
)


def v3(
    table: tuple[tuple[int, int, int, int, str, int], ...], last: tuple[int, int], *, skip: str =
    "add", eps: float = 1e-3, padding: str = "half",
) -> Spec:  # fmt: skip
    """Tables 1 and 2: one row for every block; the squeeze is a fourth of its hidden channels."""
    one_of("skip", skip, ("add", "none"))
    both: dict[str, Any] = {
        "eps": eps,
        "padding": one_of("padding", padding, ("half", "tensorflow")),
    }
    stages = [
        row(MBConv, c, stride=s, hidden=e, kernel=k, se=se, act=act, reduced=rounded,
            se_act="relu", gate="hardsigmoid", skip=skip, **both)
        for k, e, c, se, act, s in table
    ]  # fmt: skip
    hard = {"act": "hardswish", **both}
    dense = row(Classifier, 1000, hidden=(last[1],), act="hardswish", dropout=0.2)
    return Spec(
        stem=(row(ConvNorm, 16, stride=2, kernel=3, **hard),),
        stages=tuple(stages),
        head=(row(ConvNorm, last[0], **hard), dense),
        facts=facts("Searching for MobileNetV3", "Howard et al.", 2019, "1905.02244"),
    )


large, small = partial(v3, LARGE, (960, 1280)), partial(v3, SMALL, (576, 1024))
tensorflow: dict[str, Any] = {"padding": "tensorflow", "eps": 1e-3}

VARIANTS: dict[str, Callable[..., Spec]] = {
    **{f"mobilenetv1_{round(100 * w):03}": partial(v1, w) for w in (0.25, 0.5, 0.75, 1.0)},
    "mobilenet_v2": partial(v2, 1.0),
    **{f"mobilenetv2_{round(100 * w):03}": partial(v2, w) for w in (0.5, 1.0, 1.4)},
    "mobilenet_v3_large": large,
    "mobilenet_v3_small": small,
    "mobilenetv3_large_100": partial(large, eps=1e-5),
    "mobilenetv3_small_100": partial(small, eps=1e-5),
    "tf_mobilenetv3_large_100": partial(large, **tensorflow),
    "tf_mobilenetv3_small_100": partial(small, **tensorflow),
}
