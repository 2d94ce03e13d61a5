"""`hubel calibrate RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    precision: Annotated[
        float | None,
        typer.Option(help="The share of answers that should be right, such as 0.98."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a run's bundle say "I don't know" where it is not sure enough."""
    import json

    from hubel.verbs.calibrate import calibrate as verb

    found = verb(run, precision=precision)
    print(json.dumps(found.to_dict(), indent=1) if as_json else found)
