"""`hubel export BUNDLE --to TARGET`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    bundle: Annotated[Path, typer.Argument(help="A bundle, or the run that holds one.")],
    to: Annotated[str, typer.Option(metavar="TARGET", help="onnx, openvino, torch-export, timm.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder; beside the bundle by default.")
    ] = None,
    engine_threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the engine; one per processor by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write a bundle for another runtime, and prove it there on the golden pictures."""
    import json

    from hubel.verbs.export import export as verb

    done = verb(bundle, to, out=out, engine_threads=engine_threads)
    if as_json:
        print(json.dumps(done.to_dict(), indent=1))
        return
    print(f"Written to {done.folder}:")
    for name, size in done.files.items():
        print(f"  {name:<20} {size / 2**20:9.2f} MiB")
    found = done.replay
    print(f"{found.pictures} golden pictures answered there as by the bundle: {found}")
    print(f"Use it: {done.use}")
