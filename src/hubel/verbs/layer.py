"""`hubel.layer`: the arithmetic of layers as one writes them."""

from __future__ import annotations

from collections.abc import Sequence

from hubel.analysis.arithmetic import Arithmetic, arithmetic
from hubel.verbs.sizes import sides


def layer(expression: str, input: str | Sequence[int]) -> Arithmetic:
    """Weights, output, costs and receptive field of "Conv2d(64, 128, 1)" on an input.

    Several layers are chained with | or commas. `input` is (C, H, W) or "64x32x32"; 1-D layers take
    CxL, 3-D ones CxDxHxW, Linear a number of features. Nothing of the text is run. Raises
    ValueError for unknown layers and arguments and where a layer does not fit its input.
    """
    return arithmetic(expression, sides(input))
