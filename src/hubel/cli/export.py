"""`hubel export BUNDLE --to TARGET`, and `hubel export BUNDLE --int8`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hubel.verbs.quantize import Quantized, Tried

SHOWN = 10
"""Classes that lost something."""


def export(
    bundle: Annotated[Path, typer.Argument(help="A bundle, or the run that holds one.")],
    to: Annotated[
        str | None, typer.Option(metavar="TARGET", help="onnx, openvino, torch-export, timm.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder; beside the bundle by default.")
    ] = None,
    bake_resize: Annotated[
        bool,
        typer.Option(
            "--bake-resize",
            help="onnx, openvino: take pictures of any size, give probabilities.",
        ),
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Give the bundle itself int8 graphs that pass the gate.")
    ] = False,
    max_drop: Annotated[
        float | None, typer.Option(help="Points of the score that int8 may lose; 0.3 by default.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Pictures to calibrate and judge int8 on; by default the training's."),
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Int8 for this engine; repeatable.")
    ] = None,
    engine_threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the engine; one per processor by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a bundle for another runtime, proved there; or give it int8 graphs behind a gate."""
    import json

    if int8 == (to is not None):
        raise typer.BadParameter("choose one: --to TARGET writes a folder, --int8 into the bundle")
    alien: list[tuple[str, object]] = (
        [("--out", out), ("--bake-resize", bake_resize or None)]
        if int8
        else [("--max-drop", max_drop), ("--data", data), ("--engine", engine)]
    )
    for option, given in alien:
        if given is not None:
            raise typer.BadParameter(f"{option} belongs to {'--to' if int8 else '--int8'}")
    if to is None:
        from hubel.verbs.quantize import quantize

        made = quantize(
            bundle, max_drop=0.3 if max_drop is None else max_drop, data=data,
            engines=engine or (), engine_threads=engine_threads,
            say=_say if sys.stderr.isatty() else lambda text: None,
        )  # fmt: skip
        if sys.stderr.isatty():
            _say("")
        print(json.dumps(made.to_dict(), indent=1) if as_json else said(made))
        if not made.passed:
            raise typer.Exit(1)
        return
    from hubel.verbs.export import export as verb

    done = verb(bundle, to, bake_resize=bake_resize, out=out, engine_threads=engine_threads)
    if as_json:
        print(json.dumps(done.to_dict(), indent=1))
        return
    print(f"Written to {done.folder}:")
    for name, size in done.files.items():
        print(f"  {name:<20} {size / 2**20:9.2f} MiB")
    found = done.replay
    kind = "pictures of many sizes" if bake_resize else "golden pictures"
    print(f"{found.pictures} {kind} answered there as by the bundle: {found}")
    print(f"Use it: {done.use}")


def _say(text: str) -> None:
    print(f"\r{text:<60}", end="" if text else "\r", file=sys.stderr, flush=True)


def said(made: Quantized) -> str:
    """What was tried for each engine, and what it means."""
    one = 100 / made.pictures
    lines = [
        f"{made.metric} in float32: {made.reference.score:.2%} of {made.pictures:,} validation "
        f"pictures; ranges from {made.calibrated:,} training pictures"
    ]
    if made.smallest is not None:
        lines.append(
            f"One picture is {one:.2f} points; on so many, drops below {made.smallest:.2f} cannot "
            "be told from chance"
        )
    for each in made.tried:
        lines += ["", *_tried(each, made.max_drop)]
    if made.passed:
        names = " or ".join(f"{engine}-int8" for engine in made.passed)
        lines += ["", f"Use it: hubel predict {made.bundle} PICTURE --engine {names}"]
        lines += [f"Time it: hubel bench {made.bundle} --int8 --save"]
    return "\n".join(lines)


def _tried(each: Tried, max_drop: float) -> Iterator[str]:
    yield f"{each.engine}-int8, by {each.tool}"
    yield f"  {'layers in float32':<18} {'score':>8} {'drop':>7}  most lost by a class"
    for attempt in each.attempts:
        name, lost = attempt.worst
        most = f"{name}: {lost:.2f}" if lost > 0 else "-"
        count = f"{len(attempt.floats)} of {each.layers}"
        yield f"  {count:<18} {attempt.score:>8.2%} {attempt.drop:>7.2f}  {most}"
    if not each.passed:
        yield f"  refused: every form lost more than {max_drop:g} points; none is in the bundle"
        return
    yield f"  passed: at most {max_drop:g} points were allowed"
    losses = sorted(each.attempts[-1].per_class.items(), key=lambda item: -item[1])
    lost_any = [f"{name} {lost:.2f}" for name, lost in losses if lost > 0]
    if lost_any:
        more = f" and {len(lost_any) - SHOWN} more" if len(lost_any) > SHOWN else ""
        yield f"  classes that lost points: {', '.join(lost_any[:SHOWN])}{more}"
