"""`hubel train DATA`."""

from __future__ import annotations

from typing import Annotated

import typer


def train(
    data: str | None = typer.Argument(
        None,
        help="A folder with a folder per class, a CSV, a parquet file or folder, or a name such as "
        "digits, mnist, cifar10 or owner/name. With --resume: a run folder.",
    ),
    task: str | None = typer.Option(
        None, help="What to tell: classify, detect, segment, ...; by default what the data hold."
    ),
    network: str | None = typer.Option(
        None, help="The network; by default what suits the pictures."
    ),
    recipe: str | None = typer.Option(None, help="A recipe by name, or a recipe.yaml to repeat."),
    word: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD=VALUE", help="A word of the family: act=gelu; repeatable."),
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD=VALUE", help="A word of the task: scale=3 of upscale; repeatable."
        ),
    ] = None,
    weights: str | None = typer.Option(
        None,
        help="Start from these weights: a file, a run folder, a bundle, or a name such as "
        "timm/resnet18.a1_in1k (see hubel networks --weights), which is fetched once.",
    ),
    freeze: Annotated[
        list[str] | None,
        typer.Option(metavar="REGEX", help="Parameters to keep, by name; repeatable."),
    ] = None,
    labels: str | None = typer.Option(
        None, metavar="FILE", help="Corrected labels: an errors.csv with its column filled in."
    ),
    thaw: float | None = typer.Option(
        None, help="Share of the steps in which only the head learns; 1: all of them."
    ),
    layerwise: float | None = typer.Option(
        None, help="Factor on the rate from each row to the one before it, such as 0.5."
    ),
    views: int | None = typer.Option(
        None, help="Augmented forms of every picture; frozen features are computed once of each."
    ),
    recompute: bool = typer.Option(
        False,
        "--recompute",
        help="Compute activations again, keep them not: less memory.",
    ),
    epochs: float | None = typer.Option(None, help="Passes over the training pictures."),
    minutes: float | None = typer.Option(
        None, help="Time budget; the number of steps is measured at the start and kept."
    ),
    batch: str | None = typer.Option(
        None, metavar="N|auto", help="Pictures a step; auto: as many as fit into memory."
    ),
    lr: float | None = typer.Option(None, help="Learning rate, used exactly as given."),
    size: int | None = typer.Option(None, help="Side of the network's input in pixels."),
    nan: str | None = typer.Option(
        None, help="On a loss that is not a number: rollback (the default) or stop."
    ),
    patience: int | None = typer.Option(
        None, help="End after so many epochs without a better score."
    ),
    sync_norm: bool = typer.Option(
        False, "--sync-norm", help="Batch norm over the pictures of all processes."
    ),
    seed: int | None = typer.Option(None, help="Seed of weights, order and augmentation."),
    split: int | None = typer.Option(None, help="Seed of which pictures are held out."),
    val: float | None = typer.Option(
        None, help="Share held out where the data has no validation part."
    ),
    folds: int | None = typer.Option(
        None, help="Train so many times, each time with another part held out."
    ),
    loss: str | None = typer.Option(
        None,
        metavar="NAME[,WORD=VALUE]",
        help="The loss: focal,gamma=2 or cross-entropy,weights=balanced.",
    ),
    mix: str | None = typer.Option(
        None,
        metavar="NAME[,WORD=VALUE]",
        help="Pictures of two classes in one: mixup,alpha=0.2, cutmix or either.",
    ),
    without: str | None = typer.Option(
        None, help="Practices to leave out: augment,mirror,mix,average,clip,smoothing,decay, ..."
    ),
    quick: bool = typer.Option(
        False, "--quick", help="A small version: three epochs on 2,000 pictures."
    ),
    workers: int | None = typer.Option(
        None, help="Loader processes, 0 for none; by default what suits the pictures and device."
    ),
    threads: int | None = typer.Option(None, help="Processor threads; by default all."),
    device: str | None = typer.Option(None, help="auto, cpu, cuda or mps."),
    tune: bool | None = typer.Option(
        None, help="Measure layout, bf16 and compilation first, and keep the fastest that agrees."
    ),
    precision: str | None = typer.Option(None, help="float32, bf16, or fp16 on a GPU."),
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
    tensorboard: bool = typer.Option(
        False, "--tensorboard", help="Write TensorBoard's event files into the run folder, too."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Train on pictures; leaves a run folder with a report and a bundle."""
    import json
    import os
    from typing import Any

    from hubel.training.loop import Rhythm, Stopped
    from hubel.verbs.show import ablation_words, named
    from hubel.verbs.train import plan
    from hubel.verbs.train import train as verb

    options: dict[str, Any] = {
        "thaw": thaw,
        "layerwise": layerwise,
        "views": views,
        "recompute": recompute or None,
        "epochs": epochs,
        "minutes": minutes,
        "batch": batch,
        "lr": lr,
        "folds": folds,
        "nan": nan,
        "patience": patience,
        "sync_norm": sync_norm or None,
        "size": size,
        "seed": seed,
        "val": val,
        "split": split,
        "workers": workers,
        "threads": threads,
        "device": device,
        "tune": tune,
        "precision": precision,
        "task": task,
        "network": network,
        "recipe": recipe,
        "labels": labels,
        "weights": weights,
    }
    if batch not in (None, "auto"):
        try:
            options["batch"] = int(batch)
        except ValueError:
            raise typer.BadParameter(f"--batch {batch}: a number, or auto") from None
    for option, of, texts in (("words", network or "", word), ("head", "", head)):
        if texts:
            options[option] = ablation_words(of, texts)
    if freeze:
        options["rules"] = tuple({"match": expression, "freeze": True} for expression in freeze)
    for option, text in (("loss", loss), ("mix", mix)):
        if text:
            options[option] = named(text)
    given = {name: value for name, value in options.items() if value is not None}
    if without:
        given["without"] = tuple(name.strip() for name in without.split(","))
    if quick:
        given["quick"] = True
    if resume and given:
        raise typer.BadParameter(f"a resumed run keeps its recipe; leave out: {', '.join(given)}")
    given["download"] = download
    if dry_run:
        expected = plan(data, **given)
        print(json.dumps(expected.to_dict(), indent=2) if as_json else expected)
        return
    where: dict[str, Any] = {"resume": data or True} if resume else {"data": data, "name": name}
    first = os.environ.get("RANK", "0") == "0"  # of several processes, the one that speaks
    progress = "quiet" if as_json else "auto"
    rhythm = Rhythm(save_steps=save_every)
    given["tensorboard"] = tensorboard
    try:
        run = verb(**where, runs=runs, progress=progress, rhythm=rhythm, **given)
    except Stopped as stop:
        if first:
            message = f"Stopped; everything is saved. Go on with: hubel train --resume {stop}"
            typer.echo(message, err=True)
        raise typer.Exit(130) from None
    if first:
        print(json.dumps(run.to_dict(), indent=2) if as_json else run.summary())
