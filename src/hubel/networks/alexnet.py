"""AlexNet in its two forms.

`alexnet-2012`: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional
Neural Networks", NIPS 2012, section 3 and figure 2: layers 2, 4 and 5 are cut in two groups, one
per GPU; local response normalization and then pooling follow the first two. The paper writes 224,
its arithmetic needs 227. `alexnet`: Krizhevsky 2014, arXiv 1404.5997: one tower without
normalization.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from hubel.blocks import ConvNorm, Pool, normalization
from hubel.networks.spec import Spec, classifier, facts, one_of, row


class ActNorm(nn.Sequential):
    """y = norm(act(W * x)): the paper's order, the normalization after the activation."""

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, act: str, norm: str, **options: Any
    ):
        super().__init__(
            ConvNorm(c_in, c_out, stride=stride, norm="none", act=act, **options),
            *normalization(norm, c_out),
        )


def draw_2012(network: nn.Module) -> None:
    """Section 5: deviation 0.01; biases 1 in layers 2, 4, 5 and the hidden dense ones, else 0."""
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for i, layer in enumerate(layers):
        layer.weight.normal_(0, 0.01)
        if layer.bias is not None:
            layer.bias.fill_(float(i in (1, 3, 4, 5, 6)))


def alexnet(
    widths: tuple[int, ...], size: int, padding: int, *, groups: int = 1, dropout: float = 0.5,
    norm: str = "none", act: str = "relu", pool: str = "max", head: str = "dense", init: str = "he",
) -> Spec:  # fmt: skip
    """Figure 2: 11x11/4, 5x5, 3x3, 3x3, 3x3 with pooling 3x3/2 after the first, second and last."""
    one_of("init", init, ("he", "2012"))
    a, b, c, d, e = widths
    pooling = row(Pool, stride=2, kind=pool, kernel=3)
    plain: dict[str, Any] = {"act": act, "norm": norm if norm == "batch" else "none"}
    first = row(ActNorm, a, stride=4, kernel=11, padding=padding, act=act, norm=norm)
    return Spec(
        stem=(first, pooling),
        stages=(
            row(ActNorm, b, kernel=5, groups=groups, act=act, norm=norm),
            pooling,
            row(ConvNorm, c, kernel=3, **plain),
            row(ConvNorm, d, kernel=3, groups=groups, **plain),
            row(ConvNorm, e, kernel=3, groups=groups, **plain),
            pooling,
        ),
        head=(classifier(head, 1000, hidden=(4096, 4096), grid=6, act=act, dropout=dropout),),
        size=size,
        init=draw_2012 if init == "2012" else None,
        facts=facts("krizhevsky-2012" if norm == "lrn" else "1404.5997"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    "alexnet-2012": partial(
        alexnet, (96, 256, 384, 384, 256), 227, 0, groups=2, norm="lrn", init="2012"
    ),
    "alexnet": partial(alexnet, (64, 192, 384, 256, 256), 224, 2),
}
