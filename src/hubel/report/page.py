"""Write report.html: what a run came to, for its owner to read, in one file that works offline."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.analysis.errors import calibrate, wilson
from hubel.report import looks, sections
from hubel.report.frame import frame
from hubel.report.words import THIN, amount, counted, digits_for, duration, percent
from hubel.runtime.files import write_whole
from hubel.tasks.outcome import Outcome

FACTS = (
    "network",
    "parameters",
    "macs",
    "data",
    "split",
    "pictures_per_class",
    "machine",
    "versions",
    "command",
)


def write_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    recipe: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    outcome: Outcome,
    classes: Sequence[str],
    validation: looks.Pictures,
    examples: tuple[NDArray[np.uint8], Sequence[int | Sequence[float]]],
    findings: Sequence[tuple[str, str, str]],
    checks: Sequence[tuple[str, str, str]] | None = None,
    facts: Mapping[str, Any],
    seconds: Mapping[str, float],
    heats: NDArray[np.float32] | None = None,
    verdict: str = "",
) -> Path:
    """Write the report of a run that classifies, and return its path.

    `results`: the rows of results.csv, each with epoch, step, seconds (since the start), lr,
    train_loss, val_loss, val_top1, val_top5; an empty value is left out of the curves.
    `validation`: uint8 (N, H, W, C) in the order of the outcome, C = 1 or 3, an array or anything
    with a length whose [i] is one picture; a few pictures only are read.
    `examples`: training pictures after augmentation, uint8 (n, H, W, C), and their classes, each a
    number or the share of every class.
    `findings`: name, kind and message of every picture that was left out; `checks`: the same of
    what `hubel check` found among the others, None where that was not asked.
    `facts`: network, parameters, macs (of one picture), data and split in words, pictures_per_class
    (training pictures, in the order of `classes`), machine, versions (a dict), and command, which
    repeats the run. `seconds`: the time spent in read, augment, compute and validate.
    `heats`: float32 (n, 2, H, W) of the first n of the worst mistakes, 24 at most: what speaks for
    the truth and for the answer; None where the network gives no maps.
    `verdict`: what `seconds` mean, in a sentence.

    The size of the page hardly depends on the number of pictures, since a fixed number is shown.
    ValueError where the parts do not fit together.
    """
    missing = [name for name in FACTS if name not in facts]
    if missing:
        raise ValueError(f"the facts of a report lack {', '.join(missing)}; give all of {FACTS}")
    for what, length, wanted in (
        ("class names", len(classes), outcome.classes),
        ("counts in pictures_per_class", len(facts["pictures_per_class"]), outcome.classes),
        ("validation pictures", len(validation), len(outcome.names)),
    ):
        if length != wanted:
            raise ValueError(f"{length} {what}; the outcome has {wanted}")
    parts = {
        "Curves": sections.curves(results, "Validation accuracy", _scores(len(classes))),
        "Classes": sections.class_table(outcome, classes, facts["pictures_per_class"]),
        "Confusion": sections.matrix_section(outcome, classes),
        "Pictures and answers": looks.drawn(outcome, classes, validation),
        "Worst mistakes": looks.worst_section(outcome, classes, validation, heats),
        "Suspected labels": looks.labels_section(outcome, classes, validation),
        "Confused pairs": looks.pairs_section(outcome, classes, validation),
        "Calibration": sections.calibration_section(outcome),
        "Training pictures": looks.examples_section(*examples, classes),
        "Data": sections.findings_section(findings, checks, facts),
        "Time": sections.time_section(seconds, verdict),
        "Recipe": sections.recipe_section(recipe, facts),
    }
    figures = _figures(outcome, facts, results, seconds)
    lead = _lead(outcome, results, facts, seconds, len(recipe.get("soup", ())))
    return write_whole(path, frame(title, _headline(outcome), lead, figures, parts))


def _scores(classes: int) -> dict[str, str]:
    return {"val_top1": "top-1"} | ({"val_top5": "top-5"} if classes > 5 else {})


def _headline(outcome: Outcome) -> str:
    pictures = len(outcome.names)
    score = percent(outcome.top1, digits_for(pictures))
    return f"{score} of {counted(pictures, 'validation picture')} answered right"


def _elapsed(results: Sequence[Mapping[str, Any]], seconds: Mapping[str, float]) -> float:
    return float(results[-1]["seconds"]) if results else sum(seconds.values())


def _lead(
    outcome: Outcome,
    results: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
    seconds: Mapping[str, float],
    averaged: int,
) -> str:
    pictures = len(outcome.names)
    epochs = int(results[-1]["epoch"]) if results else 0
    low, high = wilson(int(outcome.right.sum()), pictures)
    digits = digits_for(pictures)
    made = "trained for"
    if averaged:
        made = f"its weights the mean of {counted(averaged, 'run')}, trained for at most"
    return (
        f"With 95{THIN}% confidence the true score lies between {percent(low, digits)} and "
        f"{percent(high, digits)} (Wilson interval). The network is {facts['network']} with "
        f"{counted(int(facts['parameters']), 'parameter')}, {made} "
        f"{counted(epochs, 'epoch')} in {duration(_elapsed(results, seconds))} on "
        f"{facts['data']}."
    )


def _figures(
    outcome: Outcome,
    facts: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    seconds: Mapping[str, float],
) -> list[tuple[str, str]]:
    digits = digits_for(len(outcome.names))
    figures = [("Top-1 accuracy", percent(outcome.top1, digits))]
    if outcome.classes > 5:
        figures.append(("Top-5 accuracy", percent(outcome.top5, digits)))
    figures += [
        ("Calibration error", percent(calibrate(outcome).error)),
        ("Parameters", amount(facts["parameters"])),
        ("MACs per picture", amount(facts["macs"])),
        ("Training time", duration(_elapsed(results, seconds))),
    ]
    return figures
