"""`hubel val BUNDLE [DATA]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hubel.runtime.golden import Replay
    from hubel.verbs.val import Scores


def val(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle, the run that holds one, or published weights (timm/resnet50.tv_in1k)."
        ),
    ],
    data: Annotated[str | None, typer.Argument(help="Pictures to score on.")] = None,
    part: Annotated[str, typer.Option(help="The part of the data: val or test.")] = "val",
    golden: Annotated[
        bool, typer.Option("--golden", help="Replay the golden pictures on this machine.")
    ] = False,
    views: Annotated[
        str,
        typer.Option(
            help="Test-time views to average over: plain, mirror, mirror-translate, ten-crop "
            "(corners, centre, mirrored) or dense (at three sizes)."
        ),
    ] = "plain",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    batch: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 32,
    engine: Annotated[
        str, typer.Option(help="onnxruntime or openvino, or either with -int8.")
    ] = "onnxruntime",
    engine_threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the engine; one per processor by default.")
    ] = None,
) -> None:
    """Score a bundle on data, or check with --golden that it runs here as it was written."""
    import json
    from dataclasses import asdict

    from hubel.runtime.golden import Replay
    from hubel.verbs.val import Scores
    from hubel.verbs.val import val as verb

    found = verb(
        bundle, data, part=part, golden=golden, views=views, batch=batch,
        engine=engine, engine_threads=engine_threads,
    )  # fmt: skip
    if as_json:
        words = asdict(found) | ({"ok": found.ok} if isinstance(found, Replay) else {})
        print(json.dumps(words, indent=1))
    elif isinstance(found, Replay):
        print(_replay(found))
    else:
        print(_scores(found) if isinstance(found, Scores) else found)
    if isinstance(found, Replay) and not found.ok:
        raise typer.Exit(1)


def _replay(found: Replay) -> str:
    lines = [
        f"{found.pictures} golden pictures: {'the same answers' if found.ok else 'NOT the same'}",
        *(
            f"{name:<14} differ by at most {most:.2g}, limit {limit:.2g}"
            for name, (most, limit) in found.differences.items()
        ),
    ]
    if found.prepared_otherwise:
        lines.append(
            f"Pillow prepares {', '.join(found.prepared_otherwise)} otherwise here than where the "
            "bundle was written: another version?"
        )
    return "\n".join(lines)


def _scores(found: Scores) -> str:
    low, high = found.interval
    width = max(5, *map(len, found.per_class))
    lines = [
        f"{found.pictures:,} pictures of {found.data} ({found.split})"
        + (f", mean over the views {found.views!r}" if found.views != "plain" else ""),
        f"top-1  {found.top1:.2%}  ({low:.2%} to {high:.2%} with 95 % confidence)",
        *([f"top-5  {found.top5:.2%}"] if len(found.per_class) > 5 else []),
        "",
        f"{'class':<{width}}  pictures  right  accuracy",
    ]
    for name, (pictures, right) in found.per_class.items():
        share = f"{right / pictures:.2%}" if pictures else "-"
        lines.append(f"{name:<{width}}  {pictures:>8,}  {right:>5,}  {share:>8}")
    if found.left_out:
        lines += ["", f"Left out ({len(found.left_out)}):"]
        lines += [f"{name}: {reason}" for name, reason in found.left_out.items()]
    return "\n".join(lines)
