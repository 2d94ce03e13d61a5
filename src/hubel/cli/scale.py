"""`hubel scale NET --data DATA`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hubel.verbs.scale import Scaled


def scale(
    network: Annotated[str, typer.Argument(metavar="NET", help="A name of `hubel networks`.")],
    data: Annotated[str, typer.Option(help="What to train on, as for `hubel train`.")],
    phi: int = typer.Option(2, help="Doublings of the cost of the family that is printed."),
    word: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD=VALUE", help="A word of the network's family; repeatable."),
    ] = None,
    seeds: int = typer.Option(1, help="Trainings of each network."),
    jobs: int | None = typer.Option(None, help="Trainings at once; by default one for each core."),
    recipe: str | None = typer.Option(None, help="A recipe page or a recipe.yaml."),
    epochs: float | None = typer.Option(None, help="Passes over the training pictures."),
    minutes: float | None = typer.Option(None, help="Time budget of each training."),
    pictures: int | None = typer.Option(None, help="At most so many pictures of either part."),
    lr: float | None = typer.Option(None, help="Learning rate of all trainings."),
    size: int | None = typer.Option(None, help="Side of the unscaled network's input in pixels."),
    runs: str = typer.Option("runs/scale", help="The folder that run folders go into."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Find how to make a network larger: by how much deeper, wider, with larger pictures.

    Short trainings of a small grid find what a doubling of the cost is best spent on; then the
    family that follows is trained, and beside it depth, width and size alone. Begin it again after
    an interruption: finished trainings are kept, the others go on.
    """
    import json

    from hubel.training.loop import Stopped
    from hubel.verbs.scale import scale as verb
    from hubel.verbs.show import ablation_words

    changes: dict[str, Any] = {
        "recipe": recipe, "epochs": epochs, "minutes": minutes, "pictures": pictures, "lr": lr,
        "size": size, "jobs": jobs,
    }  # fmt: skip
    try:
        found = verb(
            network,
            data,
            phi=phi,
            words=ablation_words(network, word or ()),
            seeds=seeds,
            runs=runs,
            progress="quiet" if as_json else "auto",
            **{name: value for name, value in changes.items() if value is not None},
        )
    except Stopped:
        typer.echo("Stopped; everything is saved. Type the same again to go on.", err=True)
        raise typer.Exit(130) from None
    page = found.write(Path(runs) / f"{network}.html")
    print(json.dumps(found.to_dict(), indent=1) if as_json else f"{said(found)}\n\nPage: {page}")


def said(found: Scaled) -> str:
    """The factors, the family with its cost beside what was predicted, and the verdicts."""
    from hubel.report.words import amount

    base = found.base
    head = ("scaled", "phi", "network", "size", "params", "MACs", "cost", "one picture", "epoch",
            "top-1")  # fmt: skip
    rows = [
        (
            line,
            str(n),
            " ".join([found.network, *(f"{w}={x}" for w, x in member.words.items())]),
            f"{member.size}",
            amount(member.params),
            amount(member.macs),
            f"x{member.macs / base.macs:.2f} (x{member.factors.cost:.2f})",
            f"{member.latency:.2f} ms (x{member.latency / base.latency:.2f})",
            f"{member.epoch:.1f} s (x{member.epoch / base.epoch:.2f})",
            f"{100 * member.score:.2f} %",
        )
        for line, members in found.lines.items()
        for n, member in enumerate(members)
        if n or line == "compound"
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()
        for cells in (head, *rows)
    ]
    return "\n".join(
        [
            f"A doubling of the cost: {found.best}",
            "",
            *lines,
            "",
            "cost: MACs against the unscaled network (as the factors predict); of one picture and "
            "an epoch: measured",
            *map(str, found.verdicts),
        ]
    )
