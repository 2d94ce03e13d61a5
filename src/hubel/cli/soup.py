"""`hubel soup RUN RUN...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def soup(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN...", help="Finished runs of the same network."),
    ],
    data: Annotated[
        str | None, typer.Option(help="Where the data of the runs lie now, if they moved.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="Average all; by default those that help.")
    ] = False,
    into: Annotated[Path, typer.Option("--runs", help="Folder for the run.")] = Path("runs"),
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Average the weights of several runs into one network that costs no more than one."""
    import json

    from hubel.verbs.soup import soup as verb

    found = verb(runs, data=data, every=every, into=into, name=name)
    print(json.dumps(found.to_dict(), indent=1) if as_json else found)
