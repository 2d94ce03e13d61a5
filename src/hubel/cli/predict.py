"""`hubel predict BUNDLE PICTURE...`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hubel.runtime.predictor import Answer


def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle, or the run that holds one.")],
    pictures: Annotated[
        list[str], typer.Argument(help="Pictures and folders; - reads a list from standard input.")
    ],
    top: Annotated[int, typer.Option(min=1, help="How many classes to tell.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a CSV file; - prints it.")
    ] = None,
    sort_into: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Copy the pictures into a folder per class."),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw what was found over the pictures, into a folder."),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 32,
    engine: Annotated[
        str,
        typer.Option(
            help="onnxruntime, openvino, either with -int8, or the fastest that bench --save found."
        ),
    ] = "fastest",
    engine_threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the engine; one per processor by default.")
    ] = None,
) -> None:
    """Answer for pictures or folders with a trained bundle."""
    from hubel.runtime.decode.classify import UNKNOWN
    from hubel.runtime.files import write_whole
    from hubel.runtime.predictor import load
    from hubel.verbs.predict import expand, stream

    if as_json and csv:
        raise typer.BadParameter("--json and --csv are two forms of the answer; choose one")
    named = [p for place in pictures for p in (_listed() if place == "-" else [place])]
    sources = [os.fspath(p) for p in expand(named, leave_out=sort_into)]
    at_once = min(batch, len(sources))
    predictor = load(bundle, engine=engine, threads=engine_threads, batch=at_once)
    bundled = predictor.bundle
    several = bundled.task == "tags"
    for option, given in (("--sort-into", sort_into), ("--csv", csv)):
        if given and not bundled.of_classes:
            raise typer.BadParameter(f"{option} is for classes; this bundle is for {bundled.task}")
    if draw and bundled.of_classes:
        raise typer.BadParameter(
            "--draw is for what lies in the picture; this bundle tells classes"
        )
    failed: list[str] = []

    def answers() -> Iterator[Answer]:
        counting = csv not in (None, "-") and sys.stderr.isatty()
        found = stream(predictor, sources, top=top, sort_into=sort_into, draw=draw, batch=batch)
        for number, answer in enumerate(found, 1):
            if answer.error:
                failed.append(answer.name)
            if counting:
                print(f"\r{number} of {len(sources)}", end="", file=sys.stderr)
            yield answer
        if counting:
            print(file=sys.stderr)

    if as_json:
        lines = _json(answers(), bundled.classes)
    elif csv:
        lines = _csv(answers(), min(top, len(predictor.bundle.classes)), several)
    elif not bundled.of_classes:
        lines = _seen(answers(), sources, bundled.classes)
    else:
        said = [*predictor.bundle.classes, *[UNKNOWN] * (predictor.bundle.threshold > 0)]
        lines = _table(answers(), sources, said, several)
    if csv and csv != "-":
        encoded = (line.encode("utf-8", "surrogateescape") + b"\n" for line in lines)
        write_whole(csv, lambda file: file.writelines(encoded))
    else:
        for line in lines:
            print(line)
    if failed:
        print(f"{len(failed)} of {len(sources)} pictures could not be read", file=sys.stderr)
        raise typer.Exit(1)


def _listed() -> list[str]:
    """File names from standard input, one a line, in the bytes of the file system."""
    lines = (os.fsdecode(line.rstrip(b"\r\n")) for line in sys.stdin.buffer)
    return [line for line in lines if line]


def _json(answers: Iterator[Answer], classes: Sequence[str]) -> Iterator[str]:
    """One list, an answer a line, so that it can be read while it grows."""
    yield "["
    line = ""
    for answer in answers:
        if line:
            yield line + ","
        line = json.dumps(answer.to_dict(classes))
    yield line
    yield "]"


def _csv(answers: Iterator[Answer], top: int, several: bool) -> Iterator[str]:
    """file, label, confidence, then the classes that come after it, and the error; of tags also
    all labels that are there, with | between them.
    """
    import csv
    import io

    from hubel.runtime.decode.classify import UNKNOWN

    def line(cells: Sequence[object]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(cells)
        return text.getvalue()

    ranks = ["", *map(str, range(2, top + 1))]
    titles = [word + rank for rank in ranks for word in ("label", "confidence")]
    there = ["labels"] if several else []
    yield line(["file", *titles, *there, "error"])
    for answer in answers:
        cells = [cell for label, p in answer.top for cell in (label, f"{p:.6f}")]
        if answer.unsure:
            cells[0] = UNKNOWN
        there = ["|".join(answer.labels or ())] if several else []
        yield line([answer.name, *(cells or [""] * 2 * top), *there, answer.error or ""])


def _seen(
    answers: Iterator[Answer], sources: Sequence[str], classes: Sequence[str]
) -> Iterator[str]:
    """A line for each picture: what was found in it."""
    names = min(100, max(len(_plain(name)) for name in sources))
    yield f"{'picture':<{names}}  found"
    for answer in answers:
        said = (answer.seen.told(classes) or "nothing") if answer.seen else answer.error or ""
        yield f"{_plain(answer.name):<{names}}  {_plain(said)}"


def _table(
    answers: Iterator[Answer], sources: Sequence[str], classes: Sequence[str], several: bool
) -> Iterator[str]:
    """A line for each picture; the names are known before the answers, so the columns stand."""
    from hubel.runtime.decode.classify import UNKNOWN
    from hubel.runtime.decode.tags import NONE

    names = min(100, max(len(_plain(name)) for name in sources))
    labels = min(24, max(6, *(len(_plain(label)) for label in classes)))
    if several:
        labels = 24
        yield f"{'picture':<{names}}  {'answers':<{labels}}  of each class"
    else:
        yield f"{'picture':<{names}}  {'answer':<{labels}}  confidence  then"
    for answer in answers:
        line = f"{_plain(answer.name):<{names}}  "
        if answer.error:
            line += _plain(answer.error)
        else:
            whole = several or answer.unsure
            then = ", ".join(f"{_plain(label)} {p:.1%}" for label, p in answer.top[not whole :])
            if several:
                said = ", ".join(map(_plain, answer.labels or (NONE,)))
                line += f"{said:<{labels}}  {then}"
            else:
                said = _plain(answer.label or UNKNOWN)
                line += f"{said:<{labels}}  {answer.top[0][1]:>10.1%}  {then}"
        yield line.rstrip()


def _plain(text: str) -> str:
    """Names may hold anything, also what steers a terminal; that is shown, not sent."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
