"""Sizes and receptive fields along one direction of a map: plain arithmetic, without the framework.

Araujo, Norris, Sim, "Computing receptive fields of convolutional neural networks", Distill 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Axis:
    """One direction of a map, in pixels of the picture.

    The map has `size` cells; cell i looks at `field` pixels around offset + i * jump.
    """

    size: int
    jump: float = 1
    offset: float = 0
    field: float = 1

    def window(self, size: int, kernel: int, stride: float, before: float, dilation: int) -> Axis:
        """After a kernel that moves by `stride` over `before` cells of padding and gives `size`
        cells.
        """
        reach = (kernel - 1) * dilation
        return Axis(
            size,
            self.jump * stride,
            self.offset + (reach / 2 - before) * self.jump,
            self.field + reach * self.jump,
        )

    def spread(self, size: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
        """After a transposed convolution that gives `size` cells."""
        reach, jump = (kernel - 1) * dilation, self.jump / stride
        return Axis(
            size,
            jump,
            self.offset + (padding - reach / 2) * jump,
            self.field + reach // stride * self.jump,
        )

    def bins(self, size: int) -> Axis:
        """After adaptive pooling to `size` bins; one bin is the whole axis."""
        return self.window(size, math.ceil(self.size / size), self.size / size, 0, 1)

    def zoomed(self, size: int) -> Axis:
        """After interpolation to `size` cells over the same pixels."""
        jump = self.jump * self.size / size
        return replace(self, size=size, jump=jump, offset=self.offset + (jump - self.jump) / 2)


@dataclass(frozen=True)
class Place:
    """Where a tensor stands over the picture: its two axes and the dimensions they are (from the
    end).

    `at` is None once the map is flattened.
    """

    rows: Axis
    columns: Axis
    at: tuple[int, int] | None = (-2, -1)

    def over(self, rows: Axis, columns: Axis) -> Place:
        """The same dimensions with other axes."""
        return Place(rows, columns, self.at)

    def whole(self) -> Place:
        """After everything was put into one number or vector."""
        return Place(self.rows.bins(1), self.columns.bins(1), None)


def cells(size: int, kernel: int, stride: int, pad: int, dilation: int, ceil: bool = False) -> int:
    """How many cells a window gives that slides over `size` cells and `pad` more around them.

    ValueError where it does not fit once.
    """
    span = size + pad - (kernel - 1) * dilation - 1
    if span < 0:
        raise ValueError(
            f"a kernel of {(kernel - 1) * dilation + 1} does not fit in {size + pad} cells"
        )
    count = (-(-span // stride) if ceil else span // stride) + 1
    # A hanging window must start inside the picture or its left padding.
    return count - 1 if ceil and (count - 1) * stride >= size + pad // 2 else count


def spread_cells(
    size: int, kernel: int, stride: int, padding: int, extra: int, dilation: int
) -> int:
    """How many cells a transposed convolution makes of `size`: what `cells` undoes."""
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
