"""`hubel watch RUNS`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def watch(
    runs: Annotated[Path, typer.Argument(help="The folder that trainings write into.")] = Path(
        "runs"
    ),
    host: Annotated[
        str, typer.Option(help="The address to listen on; by default this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8001,
) -> None:
    """Show the curves of a training in progress, and the gallery of finished runs."""
    from hubel.verbs.watch import watch as verb

    def ready(url: str) -> None:
        print(f"Page  {url}\nCtrl-C stops it.", flush=True)

    verb(runs, host=host, port=port, ready=ready)
