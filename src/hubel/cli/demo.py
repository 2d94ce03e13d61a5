"""`hubel demo`."""

from __future__ import annotations

import typer


def demo(
    runs: str = typer.Option("runs", help="The folder that run folders go into."),
    seed: int = typer.Option(0, help="Seed of weights, split, order and augmentation."),
    as_json: bool = typer.Option(False, "--json", help="Print the result as JSON."),
) -> None:
    """Train LeNet-5 on real handwritten digits and ask it about digits it never saw: a minute."""
    import json

    from hubel.verbs.demo import demo as verb

    result = verb(runs=runs, seed=seed, progress="quiet" if as_json else "auto")
    if as_json:
        print(json.dumps(result.to_dict(), indent=2))
        return
    print("\nDigits that the training never saw, answered by the bundle on ONNX Runtime:")
    for truth, answer in result.answers:
        mark = "" if answer.label == truth else f"   (it is a {truth})"
        print(f"  {answer.label}  {answer.confidence:6.1%}{mark}")
    print(f"\n{result.run.summary()}")
    print(
        "\nYour own pictures: put them into a folder with one folder per class, then\n"
        "  hubel train path/to/folder"
    )
