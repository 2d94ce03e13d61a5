"""`hubel doctor`."""

from __future__ import annotations

import typer


def doctor(
    resume: bool = typer.Option(
        False,
        "--resume",
        help="Prove that killed trainings resume exactly on this machine: a few minutes.",
    ),
    kills: int = typer.Option(5, min=1, help="With --resume: how often each training is killed."),
    empty_cache: bool = typer.Option(
        False,
        "--empty-cache",
        help="Remove decoded pictures; they are decoded again when they are needed.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Say what this machine offers and whether Hubel is well on it."""
    import json

    from hubel.verbs.doctor import doctor as verb

    health = verb(resume=resume, kills=kills, empty=empty_cache)
    print(json.dumps(health.to_dict(), indent=2) if as_json else health)
    if not health.well:
        raise typer.Exit(1)
