"""`hubel layer LAYER --input SIZE`."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hubel.analysis.arithmetic import Arithmetic
    from hubel.analysis.layers import Count


def layer(
    expression: Annotated[
        str,
        typer.Argument(
            metavar="LAYER",
            help="Such as 'Conv2d(64, 128, 3, padding=1)'; several are chained with |.",
        ),
    ],
    input: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Channels and sides, such as 64x32x32.")
    ] = None,
    picture: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="A picture of one channel: '3 3 2; 0 0 1; 3 1 2'."),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="A kernel, for the picture or to be factored."),
    ] = None,
    slide: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the kernel over the picture, as SVG."),
    ] = None,
    overlap: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw how many products meet in each cell."),
    ] = None,
    seen: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw which cells an output sees, and which it misses."),
    ] = None,
    channels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw which channel feeds which.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a layer holds, gives, costs and sees."""
    import json

    from hubel.verbs.layer import draw
    from hubel.verbs.layer import layer as verb

    pixels = numbers = result = None
    if picture is not None or kernel is not None:
        from hubel.analysis import sliding

        pixels = None if picture is None else sliding.grid(picture)
        numbers = None if kernel is None else sliding.grid(kernel)
    if pixels is not None:
        input = input or f"1x{pixels.shape[0]}x{pixels.shape[1]}"
    if input is None:
        raise ValueError("a layer needs what comes in: --input 64x32x32, or --picture '1 2; 3 4'")
    found = verb(expression, input)
    notes = [*found.notes, *([] if numbers is None else [sliding.factored(numbers)])]
    if pixels is not None and numbers is not None:
        result = sliding.values(expression, pixels, numbers)
    drawn = {"slide": slide, "overlap": overlap, "seen": seen, "channels": channels}
    files = [
        draw(path, what, expression, input, pixels, numbers) for what, path in drawn.items() if path
    ]
    if as_json:
        given = {} if result is None else {"result": result.tolist()}
        print(json.dumps(_json(found) | {"notes": notes} | given, indent=1))
        return
    lines = _one(found.layers[0]) if len(found.layers) == 1 else _several(found)
    if (
        pixels is not None
        and numbers is not None
        and result is not None
        and max(result.shape) <= 12
    ):
        lines += ["", *sliding.beside(pixels, numbers, result)]
    if notes:
        lines += ["", *(textwrap.fill(note, 96) for note in notes)]
    print(
        "\n".join(
            [*lines, *([""] if files else []), *(f"The drawing: {f.as_posix()}" for f in files)]
        )
    )


def _json(found: Arithmetic) -> dict[str, Any]:
    layers = [
        {
            "layer": count.layer,
            "input": count.input,
            "output": count.output,
            "depth": count.output[0],
            "weights": count.weights,
            "biases": count.biases,
            "params": count.params,
            "macs": count.macs,
            "flops": count.flops,
            "field": [axis.field for axis in count.axes or ()] or None,
            "stride": [axis.jump for axis in count.axes or ()] or None,
        }
        for count in found.layers
    ]
    sums = {"params": found.params, "macs": found.macs, "flops": 2 * found.macs}
    return {"layers": layers, **sums}


def _one(count: Count) -> list[str]:
    from hubel.analysis.layers import by

    rows = [
        ("output", by(count.output), count.size_rule),
        ("weights", f"{count.weights:,}", count.weight_rule),
        ("biases", f"{count.biases:,}", "one a channel of the output" if count.biases else ""),
        ("parameters", f"{count.params:,}", "weights and biases"),
        ("MACs", f"{count.macs:,}", "multiplications for one input"),
        ("FLOPs", f"{count.flops:,}", "2 a MAC"),
        ("depth", str(count.output[0]), "channels of the output"),
    ]
    if count.axes:
        steps = by([axis.jump for axis in count.axes])
        rows.append(("sees", _seen(count), f"cells of the input, in steps of {steps}"))
    width = max(len(value) for _, value, _ in rows)
    lines = [f"{name:<10}  {value:<{width}}  {how}".rstrip() for name, value, how in rows]
    return [f"{count.layer} on {by(count.input)}", "", *lines]


def _several(found: Arithmetic) -> list[str]:
    from hubel.analysis.layers import by

    head = ("layer", "output", "weights", "biases", "MACs", "FLOPs", "sees")
    rows = [
        (c.layer, by(c.output), f"{c.weights:,}", f"{c.biases:,}", f"{c.macs:,}", f"{c.flops:,}",
         _seen(c))
        for c in found.layers
    ]  # fmt: skip
    weights = sum(count.weights for count in found.layers)
    sums = ("sum", "", f"{weights:,}", f"{found.params - weights:,}", f"{found.macs:,}",
            f"{2 * found.macs:,}", "")  # fmt: skip
    widths = [max(map(len, column)) for column in zip(head, *rows, sums)]
    lines = []
    for cells in (head, *rows, sums):
        names = [cell.ljust(width) for cell, width in zip(cells[:2], widths)]
        numbers = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:])]
        lines.append("  ".join([*names, *numbers]).rstrip())
    return [f"input {by(found.layers[0].input)}", "", *lines]


def _seen(count: Count) -> str:
    from hubel.analysis.layers import by

    return by([axis.field for axis in count.axes]) if count.axes else "all"
