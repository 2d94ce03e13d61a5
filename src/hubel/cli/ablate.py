"""`hubel ablate NET --swap WORD=VALUE --data DATA`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def ablate(
    network: Annotated[str, typer.Argument(metavar="NET", help="A name of `hubel networks`.")],
    swap: Annotated[
        list[str],
        typer.Option(
            metavar="WORD=VALUE",
            help="One change, such as skip=none; with commas, several at once; repeatable.",
        ),
    ],
    data: Annotated[str, typer.Option(help="What to train on, as for `hubel train`.")],
    word: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD=VALUE", help="A word that all forms have; repeatable."),
    ] = None,
    seeds: int = typer.Option(3, help="Trainings of each form."),
    recipe: str | None = typer.Option(None, help="A recipe page or a recipe.yaml."),
    epochs: float | None = typer.Option(None, help="Passes over the training pictures."),
    minutes: float | None = typer.Option(None, help="Time budget of each training."),
    lr: float | None = typer.Option(None, help="Learning rate of all forms."),
    size: int | None = typer.Option(None, help="Side of the network's input in pixels."),
    threads: int | None = typer.Option(None, help="Processor threads; by default all."),
    runs: str = typer.Option("runs/ablate", help="The folder that run folders go into."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Change one mechanism of a network at a time, train all forms alike, and say what it does.

    Begin it again after an interruption: finished trainings are kept, the others go on.
    """
    import json

    from hubel.cli.compare import said
    from hubel.training.loop import Stopped
    from hubel.verbs.ablate import ablate as verb
    from hubel.verbs.show import ablation_words

    changes: dict[str, Any] = {
        "recipe": recipe, "epochs": epochs, "minutes": minutes, "lr": lr, "size": size,
        "threads": threads,
    }  # fmt: skip
    try:
        found = verb(
            network,
            [ablation_words(network, text.split(",")) for text in swap],
            data,
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
