"""LeNet-5. LeCun, Bottou, Bengio, Haffner 1998, "Gradient-Based Learning Applied to Document
Recognition".

Proceedings of the IEEE 86(11), section II.B and figure 2: 60,000 trainable parameters, 340,908
connections, 32x32 pictures of one channel. `lenet5` is the form usually taught today: every C3 map
sees every S2 map, plain pooling, a dense last layer.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hubel.blocks import ConvNorm, Once, Pool, activation
from hubel.networks.spec import Spec, facts, one_of, row

# Table I: the S2 maps that each C3 map sees.
C3 = (
    *[tuple(sorted((i + j) % 6 for j in range(3))) for i in range(6)],
    *[tuple(sorted((i + j) % 6 for j in range(4))) for i in range(6)],
    *[tuple(sorted((i + j) % 6 for j in (0, 1, 3, 4))) for i in range(3)],
    tuple(range(6)),
)

# Ten characters of 7 x 12 cells, drawn for Hubel in the manner of figure 3: the targets of F6.
GLYPHS = """
..###.. ...##.. .#####. ####### .....#. ####### ...###. ####### .#####. ..###..
.#####. ..###.. ####### ####### ....##. ####### ..####. ####### ####### .#####.
##...## .####.. ##...## ....##. ...###. ##..... .##.... .....## ##...## ##...##
##...## ...##.. .....## ...##.. ..####. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## ..####. .##.##. ######. ##..... ....##. .#####. ##...##
##...## ...##.. ....##. ..##### ##..##. ####### #####.. ....##. .#####. .######
##...## ...##.. ...##.. .....## ####### .....## ######. ...##.. ##...## ..#####
##...## ...##.. ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... ##...## ....##. ##...## ##...## ..##... ##...## ....##.
.#####. .###### ####### ######. ....##. ######. .#####. ..##... ####### .####..
..###.. .###### ####### .####.. ....##. .####.. ..###.. ..##... .#####. .###...
"""
CELLS = 84


class Subsample(Once, nn.Module):
    """y_c = act(w_c * (sum over 2x2 of x_c) + b_c): two trainable numbers a map. Layer S2."""

    def __init__(self, c_in: int, c_out: int = 0, stride: int = 2, *, act: str):
        super().__init__()
        self.c_out = c_in
        self.weight = nn.Parameter(torch.ones(c_in, 1, 1))
        self.bias = nn.Parameter(torch.zeros(c_in, 1, 1))
        self.act = nn.Sequential(*activation(act))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H / 2, W / 2)."""
        return self.act(4 * F.avg_pool2d(x, 2) * self.weight + self.bias)

    def macs(self, y: Tensor) -> int:
        """None: the count is of convolutions and dense layers."""
        return 0


class TableConv(Once, nn.Module):
    """y_i = act(sum over j in TABLE_i of w_ij * x_j + b_i), 5x5: C3, each map sees some only."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, act: str):
        super().__init__()
        if (c_in, c_out) != (6, len(C3)):
            raise ValueError(f"table I connects 6 maps to 16, not {c_in} to {c_out}")
        kernels = sum(map(len, C3))
        self.weight = nn.Parameter(torch.empty(kernels, 5, 5))
        self.bias = nn.Parameter(torch.zeros(c_out))
        # Where the kernel of (i, j) stands among the 60; the one behind the last is all zeros.
        place = iter(range(kernels))
        where = [next(place) if j in maps else kernels for maps in C3 for j in range(c_in)]
        self.where: Tensor
        self.register_buffer("where", torch.tensor(where), persistent=False)
        self.act = nn.Sequential(*activation(act))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 6, H, W) -> (N, 16, H - 4, W - 4)."""
        kernels = F.pad(self.weight, (0, 0, 0, 0, 0, 1))  # (61, 5, 5)
        dense = kernels.index_select(0, self.where).view(len(C3), -1, 5, 5)
        return self.act(F.conv2d(x, dense, self.bias))

    def macs(self, y: Tensor) -> int:
        """Multiplications that the table asks for; the form above also multiplies by zeros."""
        return self.weight.numel() * y.shape[-2] * y.shape[-1]


class Codes(nn.Module):
    """y_j = -|x - code_j|^2: how near F6 is to each class's fixed code of +1 and -1.

    Ten classes have the glyphs of the digits, other counts have codes from a seeded generator. The
    paper's loss (equation 9) is then -y_t + log(exp(-j) + sum over i of exp(y_i)).
    """

    def __init__(self, c_in: int, c_out: int, stride: int = 1):
        super().__init__()
        if c_in != CELLS:
            raise ValueError(f"{c_in} features: the codes have {CELLS} cells")
        self.codes: Tensor
        self.register_buffer("codes", torch.tensor(codes(c_out)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 84) -> (N, c_out)."""
        return -(x.unsqueeze(1) - self.codes).square().sum(-1)

    def macs(self, y: Tensor) -> int:
        """One multiplication for every cell of every code."""
        return self.codes.numel()


class Dense(nn.Sequential):
    """y = act(W x + b) of the flattened map. Layer F6."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, act: str):
        super().__init__(nn.Flatten(), nn.Linear(c_in, c_out), *activation(act))


def codes(classes: int) -> list[list[float]]:
    """A code of 84 numbers, each +1 or -1, for every class."""
    if classes == 10:
        lines = [line.split() for line in GLYPHS.split("\n") if line]
        drawn = ["".join(line[digit] for line in lines) for digit in range(10)]
    else:
        source = random.Random(1998)
        drawn = ["".join(source.choices("#.", k=CELLS)) for _ in range(classes)]
    return [[1.0 if cell == "#" else -1.0 for cell in code] for code in drawn]


def draw_1998(network: nn.Module) -> None:
    """Appendix A: weights and biases uniform within 2.4 / fan-in of the unit that they feed."""
    groups: list[tuple[Tensor, int]] = []  # numbers, and the fan-in of the units that they feed
    for part in network.modules():
        if isinstance(part, Subsample):
            groups += [(part.weight, 4), (part.bias, 4)]
        elif isinstance(part, TableConv):
            kernels = part.weight.split([len(maps) for maps in C3])
            groups += [(kernel, kernel.numel()) for kernel in kernels]
            groups += [(b, kernel.numel()) for b, kernel in zip(part.bias, kernels)]
        elif isinstance(part, (nn.Conv2d, nn.Linear)):
            fan_in = part.weight[0].numel()
            groups += [(p, fan_in) for p in part.parameters()]
    for numbers, fan_in in groups:
        numbers.uniform_(-2.4 / fan_in, 2.4 / fan_in)


def lenet(
    *, act: str = "relu", pool: str = "max", table: bool = False, head: str = "dense",
    init: str = "he",
) -> Spec:  # fmt: skip
    """Figure 2: C1 6@28x28, S2 6@14x14, C3 16@10x10, S4 16@5x5, C5 120@1x1, F6 84, output 10.

    As printed: `table` (C3 by table I), pool="subsample", head="codes", init="1998".
    """
    one_of("pool", pool, ("subsample", "max", "avg", "stride"))
    one_of("head", head, ("codes", "dense"))
    one_of("init", init, ("1998", "he"))
    as_printed = table and (pool, head) == ("subsample", "codes")
    conv = partial(row, ConvNorm, kernel=5, padding=0, norm="none", act=act)
    half = (
        row(Subsample, stride=2, act=act) if pool == "subsample" else row(Pool, stride=2, kind=pool)
    )
    return Spec(
        stem=(),
        stages=(conv(6), half, row(TableConv, 16, act=act) if table else conv(16), half, conv(120)),
        head=(
            row(Dense, CELLS, act=act),
            row(Codes, 10) if head == "codes" else row(Dense, 10, act="none"),
        ),
        size=32,
        channels=1,
        init=draw_1998 if init == "1998" else None,
        facts=facts("lecun-1998") | ({"connections": 340_908} if as_printed else {}),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    "lenet5-1998": partial(
        lenet, act="tanh-1998", pool="subsample", table=True, head="codes", init="1998"
    ),
    "lenet5": lenet,
}
