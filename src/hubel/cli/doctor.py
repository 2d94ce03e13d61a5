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
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Say what this machine offers and whether Hubel is well on it."""
    import json

    from hubel.verbs.doctor import doctor as verb

    health = verb(resume=resume, kills=kills)
    print(json.dumps(health.to_dict(), indent=2) if as_json else health)
    if not health.well:
        raise typer.Exit(1)
