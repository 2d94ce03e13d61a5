"""RegNet. Radosavovic et al. 2020, "Designing Network Design Spaces", arXiv 2003.13678, section 4.

Block j would have width u_j = w_0 + w_a j. It is rounded to w_0 w_m^k with whole k, then to a
multiple of 8; equal widths are a stage. X has no squeeze-and-excitation, Y has. torchvision rounds
a stage to its groups upwards where timm takes the nearest: regnet_* are torchvision's, regnetx_*
and regnety_* timm's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import groupby

from torch import nn

from hubel.blocks import ConvNorm, Residual, SqueezeExcite, shortcut_of
from hubel.networks.spec import Spec, classifier, facts, rounded, row


class Block(Residual):
    """y = act(x + F(x)), F: 1x1, 3x3 in groups, squeeze, 1x1, all of one width. Figure 4."""

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, groups: int, se: int, skip: str, act: str,
        norm: str,
    ):  # fmt: skip
        body = nn.Sequential(
            ConvNorm(c_in, c_out, act=act, norm=norm),
            ConvNorm(c_out, c_out, 3, stride, groups=groups, act=act, norm=norm),
            *([SqueezeExcite(c_out, round(c_in / se))] if se else []),
            ConvNorm(c_out, c_out, act="none", norm=norm),
        )
        kind = "projection" if skip == "add" else "none"
        super().__init__(body, shortcut_of(kind, c_in, c_out, stride, norm), act)


def regnet(
    depth: int, w_0: int, w_a: float, w_m: float, group: int, up: bool, *, skip: str = "add",
    se: int = 0, act: str = "relu", norm: str = "batch", head: str = "gap",
) -> Spec:  # fmt: skip
    """Equations 2 to 4."""
    steps = [round(math.log(1 + w_a * j / w_0) / math.log(w_m)) for j in range(depth)]
    widths = [round(w_0 * w_m**k / 8) * 8 for k in steps]
    stages = []
    for w, blocks in groupby(widths):
        g = min(group, w)
        width = rounded(w, g) if up else round(w / g) * g
        options = {"se": se, "skip": skip, "act": act, "norm": norm}
        stages.append(row(Block, width, len(list(blocks)), 2, groups=width // g, **options))
    return Spec(
        stem=(row(ConvNorm, 32, stride=2, kernel=3, act=act, norm=norm),),
        stages=tuple(stages),
        head=(classifier(head, 1000),),
        facts=facts("2003.13678"),
    )


# depth, w_0, w_a, w_m, group width: the models of the paper's tables 10 and 11.
# fmt: off
X = {
    "002": (13, 24, 36.44, 2.49, 8), "004": (22, 24, 24.48, 2.54, 16),
    "006": (16, 48, 36.97, 2.24, 24), "008": (16, 56, 35.73, 2.28, 16),
    "016": (18, 80, 34.01, 2.25, 24), "032": (25, 88, 26.31, 2.25, 48),
    "040": (23, 96, 38.65, 2.43, 40), "064": (17, 184, 60.83, 2.07, 56),
    "080": (23, 80, 49.56, 2.88, 120), "120": (19, 168, 73.36, 2.37, 112),
    "160": (22, 216, 55.59, 2.1, 128), "320": (23, 320, 69.86, 2.0, 168),
}
Y = {
    "002": (13, 24, 36.44, 2.49, 8), "004": (16, 48, 27.89, 2.09, 8),
    "006": (15, 48, 32.54, 2.32, 16), "008": (14, 56, 38.84, 2.4, 16),
    "016": (27, 48, 20.71, 2.65, 24), "032": (21, 80, 42.63, 2.66, 24),
    "040": (22, 96, 31.41, 2.24, 64), "064": (25, 112, 33.22, 2.27, 72),
    "080": (17, 192, 76.82, 2.19, 56), "120": (19, 168, 73.36, 2.37, 112),
    "160": (18, 200, 106.23, 2.48, 112), "320": (20, 232, 115.89, 2.53, 232),
}
TORCHVISION = {
    "004": "400mf", "008": "800mf", "016": "1_6gf", "032": "3_2gf", "080": "8gf", "160": "16gf",
    "320": "32gf",
}
# fmt: on

VARIANTS: dict[str, Callable[..., Spec]] = {}
for letter, table, se in (("x", X, 0), ("y", Y, 4)):
    for name, numbers in table.items():
        VARIANTS[f"regnet{letter}_{name}"] = partial(regnet, *numbers, False, se=se)
        if name in TORCHVISION:
            name = f"regnet_{letter}_{TORCHVISION[name]}"
            VARIANTS[name] = partial(regnet, *numbers, True, se=se)
