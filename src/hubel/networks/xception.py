"""Xception. Chollet 2016, arXiv 1610.02357, figure 5, and the aligned forms of DeepLab.

`legacy_xception` is the paper's. xception41, 65 and 71: Chen et al. 2018, arXiv 1802.02611, figure
4: strides in place of pooling, a norm behind every part of a separable convolution.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from hubel.blocks import Conv2d, ConvNorm, Pool, Residual, SeparableConv, activation
from hubel.networks.spec import Spec, classifier, facts, row


class Separable(nn.Sequential):
    """y = act(norm(P * (D * x))): nothing between depthwise and pointwise. Section 3."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, norm: str, act: str):
        depthwise = Conv2d(c_in, c_in, 3, stride, 1, groups=c_in, bias=False)
        super().__init__(depthwise, ConvNorm(c_in, c_out, norm=norm, act=act))


class Flow(Residual):
    """y = shortcut(x) + F(x), F of separable convolutions, each behind an activation.

    `widths` are theirs. The stride is a pooling at the end, or (`aligned`) the last convolution's.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, widths: tuple[int, ...], act: str,
        norm: str, aligned: bool = False, first_act: bool = True, skip: bool = True,
    ):  # fmt: skip
        body, c = nn.Sequential(), c_in
        for i, width in enumerate(widths):
            if aligned:
                s = stride if i == len(widths) - 1 else 1
                inner = "none" if skip else act
                body.extend(activation(act) if skip else [])
                body.append(SeparableConv(c, width, s, act=inner, norm=norm, eps=1e-3))
            else:
                body.extend(activation(act) if first_act or i > 0 else [])
                body.append(Separable(c, width, norm=norm, act="none"))
            c = width
        if stride > 1 and not aligned:
            body.append(Pool(c, stride=stride, kernel=3, padding=1))
        around: nn.Module | None = nn.Identity() if skip else None
        if skip and (c_in != c or stride > 1):
            eps = 1e-3 if aligned else 1e-5
            around = ConvNorm(c_in, c, 1, stride, act="none", norm=norm, eps=eps)
        super().__init__(body, around, first="shortcut")
        self.c_out = c


def xception(*, act: str = "relu", norm: str = "batch", head: str = "gap") -> Spec:
    """Figure 5: entry flow, eight times the middle flow, exit flow."""
    both: dict[str, Any] = {"act": act, "norm": norm}
    flow = partial(row, Flow, **both)
    return Spec(
        stem=(
            row(ConvNorm, 32, stride=2, kernel=3, padding=0, **both),
            row(ConvNorm, 64, kernel=3, padding=0, **both),
        ),
        stages=(
            flow(stride=2, widths=(128, 128), first_act=False),
            flow(stride=2, widths=(256, 256)),
            flow(stride=2, widths=(728, 728)),
            flow(depth=8, widths=(728, 728, 728)),
            flow(stride=2, widths=(728, 1024)),
            row(Separable, 1536, **both),
            row(Separable, 2048, **both),
        ),
        head=(classifier(head, 1000),),
        size=299,
        facts=facts("1610.02357"),
    )


def aligned(
    entry: tuple[tuple[int, int], ...], middle: int, *, act: str = "relu", norm: str = "batch",
    head: str = "gap",
) -> Spec:  # fmt: skip
    """Figure 4 of Chen et al.: `entry` are widths and strides."""
    both: dict[str, Any] = {"act": act, "norm": norm}
    flow = partial(row, Flow, aligned=True, **both)
    return Spec(
        stem=(
            row(ConvNorm, 32, stride=2, kernel=3, eps=1e-3, **both),
            row(ConvNorm, 64, kernel=3, eps=1e-3, **both),
        ),
        stages=(
            *(flow(stride=s, widths=(c, c, c)) for c, s in entry),
            flow(depth=middle, widths=(728, 728, 728)),
            flow(stride=2, widths=(728, 1024, 1024)),
            flow(widths=(1536, 1536, 2048), skip=False),
        ),
        head=(classifier(head, 1000),),
        size=299,
        facts=facts("1802.02611"),
    )


SHORT = ((128, 2), (256, 2), (728, 2))
LONG = ((128, 2), (256, 1), (256, 2), (728, 1), (728, 2))

VARIANTS: dict[str, Callable[..., Spec]] = {
    "legacy_xception": xception,
    "xception41": partial(aligned, SHORT, 8),
    "xception65": partial(aligned, SHORT, 16),
    "xception71": partial(aligned, LONG, 16),
}
