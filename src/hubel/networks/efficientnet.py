"""EfficientNet and EfficientNetV2: one base network and a rule that scales it.

Tan, Le 2019, arXiv 1905.11946, table 1 (B0) and equation 3; Tan, Le 2021, arXiv 2104.00298, table
4. B1 to B7 have the released coefficients. Names of `tf_` are padded as TensorFlow does.
torchvision's B5 to B7 were trained with a norm eps of 1e-3, timm's with 1e-5: the names that both
use build torchvision's, eps=1e-5 the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from hubel.blocks import ConvNorm, MBConv
from hubel.networks.spec import Spec, Stage, classifier, facts, row, scaled

# expansion, kernel, stride, width, depth
# fmt: off
B0 = (
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
)
# width, depth, size, dropout
SCALES = (
    (1.0, 1.0, 224, 0.2), (1.0, 1.1, 240, 0.2), (1.1, 1.2, 260, 0.3), (1.2, 1.4, 300, 0.3),
    (1.4, 1.8, 380, 0.4), (1.6, 2.2, 456, 0.4), (1.8, 2.6, 528, 0.5), (2.0, 3.1, 600, 0.5),
)
# expansion, stride, width, depth; size, dropout
V2 = {
    "s": (
        (1, 1, 24, 2), (4, 2, 48, 4), (4, 2, 64, 4), (4, 2, 128, 6), (6, 1, 160, 9),
        (6, 2, 256, 15),
    ),
    "m": (
        (1, 1, 24, 3), (4, 2, 48, 5), (4, 2, 80, 5), (4, 2, 160, 7), (6, 1, 176, 14),
        (6, 2, 304, 18), (6, 1, 512, 5),
    ),
    "l": (
        (1, 1, 32, 4), (4, 2, 64, 7), (4, 2, 96, 7), (4, 2, 192, 10), (6, 1, 224, 19),
        (6, 2, 384, 25), (6, 1, 640, 7),
    ),
}
V2_SIZE = {"s": (384, 0.2), "m": (480, 0.3), "l": (480, 0.4)}
# fmt: on


def _spec(
    stages: list[Stage], entry: int, conv: dict[str, Any], head: str, size: int, dropout: float
) -> Spec:
    return Spec(
        stem=(row(ConvNorm, entry, stride=2, kernel=3, **conv),),
        stages=tuple(stages),
        head=(row(ConvNorm, 1280, **conv), classifier(head, 1000, dropout=dropout)),
        size=size,
        up=True,
    )


def b(
    width: float, depth: float, size: int, dropout: float, *, skip: str = "add", se: int = 4,
    act: str = "silu", norm: str = "batch", head: str = "gap", eps: float = 1e-5,
    padding: str = "half",
) -> Spec:  # fmt: skip
    """Table 1, scaled."""
    conv: dict[str, Any] = {"act": act, "norm": norm, "eps": eps, "padding": padding}
    block = {"skip": skip, "se": se, **conv}
    stages = [row(MBConv, c, n, s, expand=t, kernel=k, **block) for t, k, s, c, n in B0]
    made = scaled(_spec(stages, 32, conv, head, size, dropout), width, depth)
    stem = {"eps": {"conv_stem": 1e-5}} if eps == 1e-3 and padding == "half" else {}
    return replace(made, facts=facts("1905.11946") | stem)


def v2(
    letter: str, *, skip: str = "add", se: int = 4, act: str = "silu", norm: str = "batch",
    head: str = "gap", eps: float = 1e-3, padding: str = "half",
) -> Spec:  # fmt: skip
    """Table 4: the first three stages fused and without squeeze."""
    conv: dict[str, Any] = {"act": act, "norm": norm, "eps": eps, "padding": padding}
    stages = [
        row(MBConv, c, n, s, expand=t, fused=i < 3, se=0 if i < 3 else se, skip=skip, **conv)
        for i, (t, s, c, n) in enumerate(V2[letter])
    ]
    made = _spec(stages, V2[letter][0][2], conv, head, *V2_SIZE[letter])
    return replace(made, facts=facts("2104.00298"))


TENSORFLOW: dict[str, Any] = {"padding": "tensorflow", "eps": 1e-3}

VARIANTS: dict[str, Callable[..., Spec]] = {}
for i, scale in enumerate(SCALES):
    VARIANTS[f"efficientnet_b{i}"] = partial(b, *scale, eps=1e-5 if i < 5 else 1e-3)
    VARIANTS[f"tf_efficientnet_b{i}"] = partial(b, *scale, **TENSORFLOW)
for letter in V2:
    VARIANTS[f"efficientnet_v2_{letter}"] = partial(v2, letter)
    VARIANTS[f"efficientnetv2_{letter}"] = partial(v2, letter, eps=1e-5)
    VARIANTS[f"tf_efficientnetv2_{letter}"] = partial(v2, letter, **TENSORFLOW)
