"""Pre-activation residual networks and wide residual networks.

He, Zhang, Ren, Sun 2016, "Identity Mappings in Deep Residual Networks", arXiv 1603.05027, figure
4(e); Zagoruyko, Komodakis 2016, "Wide Residual Networks", arXiv 1605.07146, table 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from hubel.blocks import Conv2d, ConvNorm, NormAct, PreConv, Sum
from hubel.networks.spec import Spec, classifier, entry, facts, one_of, row

PREACT, WIDE = "1603.05027", "1605.07146"


class PreBlock(Sum):
    """y = x + F(x), F of norm, act, convolution: 3x3 twice, or 1x1, 3x3, 1x1 with `bottleneck`.

    Nothing stands in the way of x. Where the shape changes, a 1x1 of the activated x takes its
    place. Equation 2.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, bottleneck: bool = False,
        skip: str = "add", act: str = "relu", norm: str = "batch",
    ):  # fmt: skip
        super().__init__()
        both: dict[str, Any] = {"act": act, "norm": norm}
        inner = c_out // 4 if bottleneck else c_out
        self.entry = NormAct(c_in, **both)
        if bottleneck:
            first = Conv2d(c_in, inner, 1, bias=norm == "none")
            rest = [PreConv(inner, inner, 3, stride, **both), PreConv(inner, c_out, **both)]
        else:
            first = Conv2d(c_in, inner, 3, stride, 1, bias=norm == "none")
            rest = [PreConv(inner, c_out, 3, **both)]
        self.body = nn.Sequential(first, *rest)
        self.drop = 0.0 if skip == "add" else None
        self.way = None
        if skip == "add" and (c_in != c_out or stride > 1):
            self.way = Conv2d(c_in, c_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride)."""
        a = self.entry(x)
        y = self.body(a)
        if self.drop is None:
            return y
        return self.kept(y) + (x if self.way is None else self.way(a))


def identity(network: nn.Module) -> None:
    """Every F starts at zero: its last convolution is 0."""
    for part in network.modules():
        if isinstance(part, PreBlock):
            [m for m in part.body.modules() if isinstance(m, Conv2d)][-1].weight.zero_()


INITS = {"he": None, "identity": identity}


def preact(
    depths: tuple[int, ...], bottleneck: bool, paper: str, *, skip: str = "add",
    width: int = 16, act: str = "relu", norm: str = "batch", head: str = "gap", init: str = "he",
) -> Spec:  # fmt: skip
    """Three groups are the CIFAR form with a 3x3 stem, four the ImageNet form."""
    both: dict[str, Any] = {"act": act, "norm": norm}
    block = partial(row, PreBlock, bottleneck=bottleneck, skip=skip, **both)
    cifar, wide = len(depths) == 3, 4 if bottleneck else 1
    plain = row(ConvNorm, 16, kernel=3, norm="none", act="none", bias=False)
    stages = [
        block(width=width * wide * 2**i, depth=depth, stride=1 if i == 0 else 2)
        for i, depth in enumerate(depths)
    ]
    return Spec(
        stem=(plain,) if cifar else entry(64, 7, **both),
        stages=(*stages, row(NormAct, **both)),
        head=(classifier(head, 10 if cifar else 1000),),
        size=32 if cifar else 224,
        init=INITS[one_of("init", init, INITS)],
        facts=facts(paper),
    )


IMAGENET = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}

VARIANTS: dict[str, Callable[..., Spec]] = {
    "preresnet110": partial(preact, (18, 18, 18), False, PREACT),
    "preresnet164": partial(preact, (18, 18, 18), True, PREACT),
    **{f"preresnet{n}": partial(preact, d, True, PREACT, width=64) for n, d in IMAGENET.items()},
    **{
        f"wrn{depth}_{k}": partial(preact, ((depth - 4) // 6,) * 3, False, WIDE, width=16 * k)
        for depth, k in ((16, 4), (28, 2), (28, 10), (40, 4))
    },
}
