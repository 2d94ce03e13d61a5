"""`hubel train DATA`."""

from __future__ import annotations

import typer


def train(
    data: str | None = typer.Argument(
        None,
        help="A folder with a folder per class, a CSV, a parquet file or folder, or a name such as "
        "digits, mnist, cifar10 or owner/name. With --resume: a run folder.",
    ),
    network: str | None = typer.Option(
        None, help="The network; by default what suits the pictures."
    ),
    recipe: str | None = typer.Option(None, help="A recipe by name, or a recipe.yaml to repeat."),
    epochs: float | None = typer.Option(None, help="Passes over the training pictures."),
    minutes: float | None = typer.Option(
        None, help="Time budget; the number of steps is measured at the start and kept."
    ),
    batch: int | None = typer.Option(None, help="Pictures a step."),
    lr: float | None = typer.Option(None, help="Learning rate, used exactly as given."),
    size: int | None = typer.Option(None, help="Side of the network's input in pixels."),
    seed: int | None = typer.Option(None, help="Seed of weights, split, order and augmentation."),
    val: float | None = typer.Option(
        None, help="Share held out where the data has no validation part."
    ),
    augment: bool = typer.Option(True, help="Whether to use the recipe's augmentation."),
    workers: int | None = typer.Option(
        None, help="Loader processes; 0 loads in the training process."
    ),
    threads: int | None = typer.Option(None, help="Processor threads; by default all."),
    device: str | None = typer.Option(None, help="auto, cpu, cuda or mps."),
    runs: str = typer.Option("runs", help="The folder that run folders go into."),
    name: str | None = typer.Option(None, help="Name of the run folder."),
    resume: bool = typer.Option(
        False, "--resume", help="Go on with the run DATA, or with the latest."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Split, network and expected minutes; trains nothing."
    ),
    download: bool = typer.Option(
        False, "--download", help="Allow fetching a data set that is not on this machine."
    ),
    save_every: int | None = typer.Option(
        None, help="Checkpoint every so many steps; by default every minute."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Train on pictures; leaves a run folder with a report and a bundle."""
    import json

    from hubel.training.loop import Rhythm, Stopped
    from hubel.verbs.train import Plan, resume_run
    from hubel.verbs.train import train as verb

    given = {
        "epochs": epochs, "minutes": minutes, "batch": batch, "lr": lr, "size": size, "seed": seed,
        "val": val,        "workers": workers, "threads": threads, "device": device,
    }  # fmt: skip
    changes = {field: value for field, value in given.items() if value is not None}
    progress = "quiet" if as_json else "auto"
    rhythm = Rhythm(save_steps=save_every)
    try:
        if resume:
            if changes or network or recipe:
                words = ", ".join(
                    [*changes, *(["network"] if network else []), *(["recipe"] if recipe else [])]
                )
                raise typer.BadParameter(f"a resumed run keeps its recipe; leave out: {words}")
            result = resume_run(data, runs=runs, progress=progress, rhythm=rhythm)
        elif data is None:
            raise typer.BadParameter(
                "give the DATA to train on, such as a folder with a folder per class"
            )
        else:
            if not augment:
                changes["augment"] = ()
            result = verb(
                data, network=network, recipe=recipe, runs=runs, name=name, dry_run=dry_run,
                download=download, progress=progress, rhythm=rhythm, **changes,
            )  # fmt: skip
    except Stopped as stop:
        typer.echo(
            f"Stopped; everything is saved. Go on with: hubel train --resume {stop}", err=True
        )
        raise typer.Exit(130) from None
    if as_json:
        print(json.dumps(result.to_dict(), indent=2))
    elif isinstance(result, Plan):
        print(result)
    else:
        print(result.summary())
