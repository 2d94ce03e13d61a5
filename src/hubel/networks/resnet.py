"""Residual networks. He, Zhang, Ren, Sun 2015, "Deep Residual Learning for Image Recognition".

arXiv 1512.03385, tables 1 and 6. The ImageNet forms stride in the 3x3 of a bottleneck, as all
published weights do; the paper's own place is stride_on="1x1".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from hubel.blocks import ConvNorm, Pool, Residual, SqueezeExcite
from hubel.networks.spec import Spec, classifier, one_of, row

FACTS = {
    "paper": "Deep Residual Learning for Image Recognition",
    "authors": "He, Zhang, Ren, Sun",
    "year": 2015,
    "arxiv": "1512.03385",
}


class PadShortcut(nn.Module):
    """y = every stride-th cell of x, with zero channels added: no parameters. Option A of section
    4.1.
    """

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        self.stride, self.extra = stride, c_out - c_in

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride)."""
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.extra // 2, self.extra - self.extra // 2))


def _shortcut(kind: str, c_in: int, c_out: int, stride: int, norm: str) -> nn.Module | None:
    if kind == "none":
        return None
    if c_in == c_out and stride == 1:
        return nn.Identity()
    if kind == "pad":
        return PadShortcut(c_in, c_out, stride)
    return ConvNorm(c_in, c_out, 1, stride, act="none", norm=norm)


class Basic(Residual):
    """y = act(x + W_2 * act(W_1 * x)), both 3x3: figure 5, left."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        stride: int = 1,
        *,
        shortcut: str = "projection",
        inner: int = 0,
        groups: int = 1,
        kernel: int = 3,
        se: int = 0,
        act: str = "relu",
        norm: str = "batch",
        stride_on: str = "3x3",
    ):
        inner = inner or c_out
        body = nn.Sequential(
            ConvNorm(c_in, inner, kernel, stride, groups=groups, act=act, norm=norm),
            ConvNorm(inner, c_out, kernel, groups=groups, act="none", norm=norm),
        )
        if se:
            body.append(SqueezeExcite(c_out, c_out // se))
        super().__init__(body, _shortcut(shortcut, c_in, c_out, stride, norm), act)


class Bottleneck(Residual):
    """y = act(x + W_3 * act(W_2 * act(W_1 * x))), 1x1, 3x3 and 1x1: figure 5, right."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        stride: int = 1,
        *,
        shortcut: str = "projection",
        inner: int = 0,
        groups: int = 1,
        kernel: int = 3,
        se: int = 0,
        act: str = "relu",
        norm: str = "batch",
        stride_on: str = "3x3",
    ):
        inner = inner or c_out // 4
        first, second = (stride, 1) if stride_on == "1x1" else (1, stride)
        body = nn.Sequential(
            ConvNorm(c_in, inner, 1, first, act=act, norm=norm),
            ConvNorm(inner, inner, kernel, second, groups=groups, act=act, norm=norm),
            ConvNorm(inner, c_out, act="none", norm=norm),
        )
        if se:
            body.append(SqueezeExcite(c_out, c_out // se))
        super().__init__(body, _shortcut(shortcut, c_in, c_out, stride, norm), act)


def identity(network: nn.Module) -> None:
    """Every residual branch starts at zero: the last norm's scale is 0 (Goyal et al. 2017)."""
    for part in network.modules():
        if isinstance(part, Residual):
            last = [m for m in part.body.modules() if isinstance(m, nn.BatchNorm2d)][-1]
            last.weight.zero_()


EXPANSION = {Basic: 1, Bottleneck: 4}
INITS = {"he": None, "identity": identity}


def imagenet(
    block: type[Residual],
    depths: tuple[int, ...],
    *,
    skip: str = "add",
    shortcut: str = "projection",
    se: int = 0,
    kernel: int = 3,
    act: str = "relu",
    norm: str = "batch",
    groups: int = 1,
    width: int = 64,
    pool: str = "max",
    head: str = "gap",
    stride_on: str = "3x3",
    init: str = "he",
) -> Spec:
    """Table 1: planes 64, 128, 256, 512; the 3x3 of a block has planes x width / 64 x groups
    channels.
    """
    one_of("stride_on", stride_on, ("3x3", "1x1"))
    options = _options(skip, shortcut, se, kernel, act, norm)
    stages = []
    for i, depth in enumerate(depths):
        planes = 64 * 2**i
        stages.append(
            row(
                block,
                planes * EXPANSION[block],
                depth,
                stride=1 if i == 0 else 2,
                inner=planes * width // 64 * groups,
                groups=groups,
                stride_on=stride_on,
                **options,
            )
        )
    return Spec(
        stem=(
            row(ConvNorm, 64, stride=2, kernel=7, act=act, norm=norm),
            row(Pool, stride=2, kind=pool, kernel=3, padding=1),
        ),
        stages=tuple(stages),
        head=(classifier(head, 1000),),
        init=INITS[one_of("init", init, INITS)],
        facts=FACTS,
    )


def cifar(
    n: int,
    *,
    skip: str = "add",
    shortcut: str = "pad",
    se: int = 0,
    kernel: int = 3,
    act: str = "relu",
    norm: str = "batch",
    width: int = 16,
    head: str = "gap",
    init: str = "he",
) -> Spec:
    """Section 4.2: 6n + 2 layers for 32x32 pictures, n basic blocks at each of 16, 32 and 64
    channels.
    """
    options = _options(skip, shortcut, se, kernel, act, norm)
    return Spec(
        stem=(row(ConvNorm, width, kernel=3, act=act, norm=norm),),
        stages=(
            row(Basic, width, n, **options),
            row(Basic, 2 * width, n, stride=2, **options),
            row(Basic, 4 * width, n, stride=2, **options),
        ),
        head=(classifier(head, 10),),
        size=32,
        init=INITS[one_of("init", init, INITS)],
        facts=FACTS,
    )


def _options(skip: str, shortcut: str, se: int, kernel: int, act: str, norm: str) -> dict[str, Any]:
    one_of("skip", skip, ("add", "none"))
    one_of("shortcut", shortcut, ("projection", "pad"))
    if kernel % 2 == 0:
        raise ValueError(f"kernel={kernel}: a residual block needs an odd kernel to keep its size")
    shortcut = "none" if skip == "none" else shortcut
    return {"shortcut": shortcut, "se": se, "kernel": kernel, "act": act, "norm": norm}


DEPTHS: dict[int, tuple[type[Residual], tuple[int, ...]]] = {
    18: (Basic, (2, 2, 2, 2)),
    34: (Basic, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
CIFAR_DEPTHS = (20, 32, 44, 56, 110, 1202)

VARIANTS: dict[str, Callable[..., Spec]] = {
    **{f"resnet{depth}": partial(imagenet, *DEPTHS[depth]) for depth in DEPTHS},
    **{f"plain{depth}": partial(imagenet, *DEPTHS[depth], skip="none") for depth in (18, 34)},
    "resnet14": partial(cifar, 2, shortcut="projection"),
    **{f"resnet{depth}": partial(cifar, (depth - 2) // 6) for depth in CIFAR_DEPTHS},
    **{
        f"plain{depth}": partial(cifar, (depth - 2) // 6, skip="none")
        for depth in CIFAR_DEPTHS[:-1]
    },
}
