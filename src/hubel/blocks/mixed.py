"""Modules of several branches, written as a table is read."""

from __future__ import annotations

from typing import Any

from torch import nn

from hubel.blocks.combine import Branches
from hubel.blocks.conv import ConvNorm
from hubel.blocks.pool import Pool

# A step is "max", "avg", (width, kernel) or, where the way forks, a tuple of branches; a branch is
# a tuple of steps.
Step = Any
Branch = tuple[Step, ...]


def mixed(
    c_in: int, branches: tuple[Branch, ...], stride: int = 1, *, padded: bool = True, **conv: Any
) -> Branches:
    """The branches side by side; with a stride the last step of each has it, `padded` or not."""
    built, c_out = [], 0
    for branch in branches:
        steps, c = nn.Sequential(), c_in
        for i, step in enumerate(branch):
            s = stride if i == len(branch) - 1 else 1
            pad = int(padded or s == 1)
            if isinstance(step, str):
                steps.append(Pool(c, stride=s, kind=step, kernel=3, padding=pad))
            elif isinstance(step[0], tuple):
                steps.append(fork := mixed(c, step, **conv))
                c = fork.c_out
            else:
                width, kernel = step
                steps.append(ConvNorm(c, width, kernel, s, padding=None if pad else 0, **conv))
                c = width
        built.append(steps)
        c_out += c
    return Branches(*built, c_out=c_out)


class Mixed(nn.Sequential):
    """y = [B_1(x), B_2(x), ...] with every branch a chain of convolutions and poolings.

    Szegedy et al. 2014, arXiv 1409.4842, figure 2; 2015, arXiv 1512.00567, figures 5 to 10.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, branches: tuple[Branch, ...], **conv: Any
    ):
        both = mixed(c_in, branches, stride, **conv)
        super().__init__(both)
        self.c_out = both.c_out
