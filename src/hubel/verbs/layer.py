"""`hubel.layer`: the arithmetic of layers as one writes them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hubel.analysis.arithmetic import Arithmetic, arithmetic
from hubel.runtime.files import write_whole
from hubel.verbs.sizes import sides

if TYPE_CHECKING:
    from hubel.analysis.sliding import Grid


def layer(expression: str, input: str | Sequence[int]) -> Arithmetic:
    """Weights, output, costs and receptive field of "Conv2d(64, 128, 1)" on an input.

    Several layers are chained with | or commas. `input` is (C, H, W) or "64x32x32"; 1-D layers take
    CxL, 3-D ones CxDxHxW, Linear a number of features. Nothing of the text is run. Raises
    ValueError for unknown layers and arguments and where a layer does not fit its input.
    """
    return arithmetic(expression, sides(input))


def draw(
    path: str | os.PathLike[str], what: str, expression: str, input: str | Sequence[int],
    picture: Grid | None = None, kernel: Grid | None = None,
) -> Path:  # fmt: skip
    """Write an SVG of the layers and return its path.

    "slide": the kernel over the picture, with the numbers; "overlap": how many products meet in
    each cell of the output; "seen": by how many ways an output sees each cell of the input;
    "channels": which channel feeds which. Raises ValueError where that cannot be drawn.
    """
    from hubel.analysis import sliding
    from hubel.report import layer as draws

    size = sides(input)
    arithmetic(expression, size)
    if len(size) != 3:
        raise ValueError(f"input {'x'.join(map(str, size))}: drawings are of maps, CxHxW")
    if what == "slide":
        if picture is None or kernel is None:
            raise ValueError("a slide takes a picture and a kernel, as --picture '1 2; 3 4'")
        result, steps = sliding.values(expression, picture, kernel), sliding.steps(expression)
        if len(steps) == 1 and steps[0].form == "conv" and max(picture.shape) <= 8:
            svg = draws.slide(expression, picture, kernel, result, steps[0])
        else:
            svg = draws.panels(expression, [("picture", picture), ("result", result)])
    elif what == "overlap":
        ways = sliding.overlaps(expression, size)
        svg = draws.counted(expression, ways, "products in each cell")
    elif what == "seen":
        svg = draws.counted(expression, sliding.seen(expression), "ways from each cell")
    else:
        svg = draws.connections(expression, sliding.links(expression, size))
    return write_whole(path, svg)
