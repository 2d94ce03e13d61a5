"""A table made into a module."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import final

import torch
from torch import Tensor, nn

from hubel.blocks import ConvNorm, RepConv, survive
from hubel.networks.spec import Spec, Stage
from hubel.ops.account import Account, account
from hubel.ops.dilation import dilate
from hubel.runtime.names import unknown


def blocks(stage: Stage, c_in: int) -> tuple[nn.Sequential, int]:
    """The blocks of a row, and the width that the last one gives."""
    made = nn.Sequential()
    for i in range(stage.depth):
        stride = stage.stride if i == 0 else 1
        block = stage.block(c_in, stage.width, stride=stride, **stage.options)
        c_in = getattr(block, "c_out", stage.width)
        made.append(block)
    return made, c_in


@final
class Network(nn.Module):
    """stem -> stages -> head, as the spec's table says: (N, C, H, W) -> logits (N, classes).

    Every row is a sequence of blocks: "stages.2" names a row and "stages.2.0" its first block.
    `widths` is {stride: channels} of the maps that `features` gives.
    """

    def __init__(self, spec: Spec):
        super().__init__()
        self.spec = spec
        self.widths: dict[int, int] = {}
        self._strides: dict[str, int] = {}  # behind every row of stem and stages
        self.stem, self.stages, self.head = nn.Sequential(), nn.Sequential(), nn.Sequential()
        self.aux = nn.ModuleDict()  # heads used in training only, by the row they stand behind
        c, stride, step = spec.channels, 1, spec.words.get("dilate")
        parts = (("stem", self.stem, spec.stem), ("stages", self.stages, spec.stages))
        for name, part, rows in parts:
            for i, stage in enumerate(rows):
                made, c = blocks(stage, c)
                part.append(made)
                stride = int(min(stride * stage.stride, step or math.inf))
                self._strides[row := f"{name}.{i}"] = stride
                self.widths[stride] = c
                if row in spec.aux:
                    self.aux[row.replace(".", "_")] = blocks(spec.aux[row], c)[0]
        for stage in spec.head:
            made, c = blocks(stage, c)
            self.head.append(made)
        if step:
            dilate(self, step, (spec.channels, spec.size, spec.size))
        if drop := spec.words.get("drop"):
            survive(self, drop)
        if spec.init is not None and not next(self.parameters()).is_meta:
            with torch.no_grad():
                spec.init(self)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, C, H, W) -> logits (N, classes).

        Raises ValueError where the pictures do not fit: other channels, or too small.
        """
        if torch.compiler.is_compiling():
            return self.head(self.stages(self.stem(x)))
        try:
            return self.head(self.stages(self.stem(x)))
        except RuntimeError as error:
            self._explain(x, error)
            raise

    def features(self, x: Tensor) -> dict[int, Tensor]:
        """Pictures (N, C, H, W) -> {stride: the deepest map (N, widths[stride], H', W') there}.

        Raises ValueError as `forward` does.
        """
        return dict(zip(self._strides.values(), self._rows(x)))

    def logits(self, features: dict[int, Tensor]) -> Tensor:
        """What `features` gave -> logits (N, classes), finishing the same pass."""
        return self.head(features[max(self.widths)])

    def taps(self, x: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """The outputs of rows ("stages.2"), of blocks ("stages.2.0") or of the head, by name.

        Raises ValueError for a name that is neither.
        """
        wanted, found = list(names), dict[str, Tensor]()
        for name, part in (("stem", self.stem), ("stages", self.stages), ("head", self.head)):
            for i, stage in enumerate(part):
                for j, block in enumerate(stage.children()):
                    x = found[f"{name}.{i}.{j}"] = block(x)
                found[f"{name}.{i}"] = x
            found[name] = x
        for name in wanted:
            if name not in found:
                raise unknown("row or block", name, found)
        return {name: found[name] for name in wanted}

    def outputs(self, x: Tensor) -> tuple[Tensor, ...]:
        """The logits, then those of the auxiliary heads in the table's order: each (N, classes)."""
        found, y = [], x
        for name, y in zip(self._strides, self._rows(x)):
            if (key := name.replace(".", "_")) in self.aux:
                found.append(self.aux[key](y))
        return (self.head(y), *found)

    def fuse(self) -> Network:
        """Fold norms and parallel branches into convolutions, in place, for use only."""
        for part in list(self.modules()):
            if isinstance(part, (ConvNorm, RepConv)):
                part.fuse()
        return self

    @property
    def grid(self) -> dict[int, tuple[float, float]]:
        """{stride: (jump, offset)} of the maps of `features`, in pixels.

        The centre of cell i stands at pixel offset + i * jump, where pixel 0 has its centre at 0.
        """
        places = self.account().places
        rows = {stride: places[name].rows for name, stride in self._strides.items()}
        return {stride: (axis.jump, axis.offset) for stride, axis in rows.items()}

    def account(self, size: int | tuple[int, int] | None = None) -> Account:
        """The static account for pictures of that size, the spec's where none is given."""
        height, width = (size, size) if isinstance(size, int) else size or (self.spec.size,) * 2
        return account(self, (self.spec.channels, height, width))

    def _rows(self, x: Tensor) -> Iterator[Tensor]:
        y = x
        for stage in (*self.stem, *self.stages):
            try:
                y = stage(y)
            except RuntimeError as error:
                self._explain(x, error)
                raise
            yield y

    def _explain(self, x: Tensor, error: RuntimeError) -> None:
        """Raise ValueError where the pictures are to blame."""
        name, channels, size = self.spec.name or "the network", self.spec.channels, self.spec.size
        if x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(
                f"pictures of shape {tuple(x.shape)}: {name} takes (N, {channels}, H, W); "
                f"create(..., channels=...) builds it for another number of channels"
            ) from error
        if not x.is_floating_point():
            raise ValueError(
                f"pictures of {x.dtype}: {name} takes floating point; normalize first"
            ) from error
        height, width = x.shape[2:]
        if self._takes(height, width):
            return
        least = self.least()
        if min(height, width) < least:
            reason = f"are too small for {name}: the least size is {least}x{least}"
        else:
            reason = (
                f"do not fit {name}, whose dense layers are made for {size}x{size}; resize them"
            )
        raise ValueError(f"pictures of {height}x{width} {reason}") from error

    def _takes(self, height: int, width: int) -> bool:
        try:
            self.account((height, width))
        except ValueError:
            return False
        return True

    def least(self) -> int:
        """The side of the smallest square picture that the arithmetic allows."""
        high = 1
        while high < self.spec.size and not self._takes(high, high):
            high = min(2 * high, self.spec.size)
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._takes(middle, middle) else (middle, high)
        return high
