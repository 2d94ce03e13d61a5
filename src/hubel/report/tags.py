"""report.html of a run whose pictures have several classes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.report import looks, sections
from hubel.report.frame import frame
from hubel.report.html import Number, picture, table, text, tiles
from hubel.report.words import amount, counted, duration, percent
from hubel.runtime.files import write_whole
from hubel.tasks.tagged import Tagged

SCORES = {"val_map": "mAP", "val_f1": "F1"}
SHOWN_PICTURES = 24


def write_tags_report(
    path: str | os.PathLike[str],
    *,
    title: str,
    recipe: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    outcome: Tagged,
    classes: Sequence[str],
    validation: looks.Pictures,
    examples: tuple[NDArray[np.uint8], Sequence[Sequence[float]]],
    findings: Sequence[tuple[str, str, str]],
    checks: Sequence[tuple[str, str, str]] | None,
    facts: Mapping[str, Any],
    seconds: Mapping[str, float],
    verdict: str = "",
) -> Path:
    """Write the report of a run that tags, and return its path; the words are those of
    `write_report`.
    """
    worst = np.argsort(-outcome.losses, kind="stable")[:SHOWN_PICTURES].tolist()
    total = len(outcome.names)
    some = min(SHOWN_PICTURES, total)
    drawn = np.sort(np.random.default_rng(0).choice(total, some, replace=False)).tolist()
    said = (
        "<p>The truth stands first, below it what was answered, each class with its probability. "
        "{}</p>"
    )
    parts = {
        "Curves": sections.curves(results, "Validation scores", SCORES),
        "Classes": _classes(outcome, classes, facts["pictures_per_class"]),
        "Pictures and answers": said.format("Drawn at random.")
        + tiles(_tile(outcome, classes, validation, i) for i in drawn),
        "Worst answers": said.format("The highest loss first: look here for wrong labels.")
        + tiles(_tile(outcome, classes, validation, i, outcome.names[i]) for i in worst),
        "Training pictures": looks.examples_section(*examples, classes),
        "Data": sections.findings_section(findings, checks, facts),
        "Time": sections.time_section(seconds, verdict),
        "Recipe": sections.recipe_section(recipe, facts),
    }
    trained = float(results[-1]["seconds"]) if results else sum(seconds.values())
    lead = (
        f"The mean over {len(classes)} classes, on {counted(total, 'validation picture')}. The "
        f"network is {facts['network']} with {counted(int(facts['parameters']), 'parameter')}, "
        f"trained on {facts['data']} in {duration(trained)}."
    )
    figures = [
        ("Mean average precision", percent(outcome.mean_average_precision)),
        ("F1, all questions", percent(outcome.f1)),
        ("F1, mean of classes", percent(outcome.f1_macro)),
        ("Pictures all right", percent(float(outcome.right.mean()))),
        ("MACs per picture", amount(facts["macs"])),
        ("Training time", duration(trained)),
    ]
    headline = f"Average precision {percent(outcome.mean_average_precision)}"
    return write_whole(path, frame(title, headline, lead, figures, parts))


def _classes(outcome: Tagged, classes: Sequence[str], training: Sequence[int]) -> str:
    rows: list[list[str | Number]] = []
    for k, (pictures, answers, both) in enumerate(outcome.per_class.tolist()):
        precision = float(outcome.average_precision[k])
        shares = [
            both / pictures if pictures else math.nan,
            both / answers if answers else math.nan,
        ]
        bar = 0.0 if math.isnan(precision) else precision
        rows.append(
            [
                classes[k],
                Number(training[k], f"{training[k]:,}"),
                Number(pictures, f"{pictures:,}"),
                Number(precision, percent(precision), bar=bar),
                Number(outcome.f1_per_class[k], percent(float(outcome.f1_per_class[k]))),
                *(Number(share, percent(share)) for share in shares),
            ]
        )
    head = ["Class", "Training pictures", "Validation pictures", "Average precision", "F1"]
    return (
        "<p>Average precision: the mean precision over all thresholds, each class by itself. F1, "
        "recall and precision are those of a probability of 1/2.</p>"
        + table(
            [*head, "Recall", "Precision"], rows, caption="Scores of every class", sortable=True
        )
    )


def _tile(
    outcome: Tagged, classes: Sequence[str], validation: looks.Pictures, i: int, name: str = ""
) -> str:
    truth = ", ".join(classes[k] for k in np.flatnonzero(outcome.truths[i]).tolist()) or "none"
    p = outcome.probabilities[i]
    said = sorted(np.flatnonzero(outcome.answers[i]).tolist(), key=lambda k: -p[k])
    answer = ", ".join(f"{classes[k]} {percent(float(p[k]), 0)}" for k in said) or "none"
    file = f"<small><bdi>{text(name)}</bdi></small>" if name else ""
    kind = "right" if outcome.right[i] else "wrong"
    return (
        f'<li class="tile {kind}">{picture(validation[i], truth)}<b title="{text(truth)}">'
        f'{text(truth)}</b><span class="answer" title="{text(answer)}">'
        f"<span>{text(answer)}</span></span>{file}</li>"
    )
