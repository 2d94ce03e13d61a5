"""The sections of the report that are numbers, tables and plots; those with pictures: looks.py."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hubel.analysis.calibration import temperature
from hubel.analysis.errors import (
    Calibration,
    confusion,
    per_class,
)
from hubel.report.draw import Curve, calibration_plot, heat_map, plot
from hubel.report.html import Number, facts, scroll, table, text
from hubel.report.words import PARTS, THIN, counted, percent, verdict
from hubel.tasks.outcome import Outcome

NUMBERED = 20  # classes up to which the confusion matrix is a table of numbers
LISTED = 300  # left-out pictures that are named one by one


def curves(results: Sequence[Mapping[str, Any]], title: str, scores: Mapping[str, str]) -> str:
    """Loss, scores (column -> its name here) and learning rate over the epochs, and the same as a
    table.
    """
    if not results:
        return "<p>No epoch was finished.</p>"

    def points(column: str) -> list[tuple[float, float]]:
        both = [(_number(row, "epoch"), _number(row, column)) for row in results]
        return [(x, y) for x, y in both if math.isfinite(y)]

    loss = [
        Curve("training", "train", points("train_loss")),
        Curve("validation", "val", points("val_loss")),
    ]
    kinds = ("val", "second", "train")
    shown = [Curve(scores[name], kind, points(name)) for name, kind in zip(scores, kinds)]
    shares = all(0 <= y <= 1 for curve in shown for _, y in curve.points)
    low = 0.0
    if not shares:  # decibels: shares beside them would lie on the axis
        shown, low = [c for c in shown if any(y > 1 for _, y in c.points)], math.inf
    rate = [Curve("end of epoch", "train", points("lr"))]
    answered = plot(title, shown, shares=shares, low=low)
    plots = plot("Loss", loss) + answered + plot("Learning rate", rate)
    head = ["epoch", "step", "seconds", "lr", "train_loss"]
    head += [name for name in results[0] if name.startswith("val_")]
    rows = [[_result(row, name, shares and name in scores) for name in head] for row in results]
    every = table(head, rows, caption="Results of every epoch")
    if len(rows) == 1:  # no curve
        return every
    return (
        f'<div class="plots">{plots}</div>'
        f"<details><summary>Every epoch as a table</summary>{every}</details>"
    )


def _number(row: Mapping[str, Any], name: str) -> float:
    """A value of results.csv; NaN where it is empty or missing."""
    value = row.get(name)
    return math.nan if value is None or value == "" else float(value)


def _result(row: Mapping[str, Any], name: str, share: bool) -> Number:
    value = _number(row, name)
    if math.isnan(value):
        return Number(value, "–")
    if name in ("epoch", "step"):
        return Number(value, f"{value:,.0f}")
    if name == "seconds":
        return Number(value, f"{value:,.1f}")
    return Number(value, percent(value, 2) if share else f"{value:.4g}")


def class_table(outcome: Outcome, classes: Sequence[str], training: Sequence[int]) -> str:
    """One row per class: pictures, accuracy (recall), precision, F1 and its commonest mistake."""
    matrix = confusion(outcome)
    rows: list[list[str | Number]] = []
    for k, score in enumerate(per_class(matrix)):
        mistakes = matrix[k].copy()
        mistakes[k] = 0
        most = int(mistakes.argmax())
        mistaken = f"{classes[most]} ({mistakes[most]})" if mistakes[most] else "–"
        recall = 0.0 if math.isnan(score.recall) else score.recall
        rows.append(
            [
                classes[k],
                Number(training[k], f"{training[k]:,}"),
                Number(score.pictures, f"{score.pictures:,}"),
                Number(score.recall, percent(score.recall), bar=recall),
                Number(score.precision, percent(score.precision)),
                Number(score.f1, percent(score.f1)),
                mistaken,
            ]
        )
    head = [
        "Class",
        "Training pictures",
        "Validation pictures",
        "Accuracy (recall)",
        "Precision",
        "F1",
        "Most often taken for",
    ]
    return (
        "<p>Accuracy, or recall: of the pictures of a class, the share answered with it. "
        "Precision: of the answers with a class, the share that is right. "
        "F1: the harmonic mean of both.</p>"
        + table(head, rows, caption="Scores of every class", sortable=True)
    )


def matrix_section(outcome: Outcome, classes: Sequence[str]) -> str:
    """The confusion matrix: a table of numbers for few classes, a picture of shades for many."""
    matrix = confusion(outcome)
    words = (
        "<p>A row is the truth, a column the answer; the diagonal is right, the rest are mistakes. "
        "The shade is the share of the row, by its root, so that rare mistakes can be seen.</p>"
    )
    if len(classes) > NUMBERED:
        return words + scroll(heat_map(matrix, classes), "Confusion matrix")
    short = ' class="short"' if max(map(len, classes)) <= 4 else ""
    head = "".join(f'<th scope="col"><span>{text(name)}</span></th>' for name in classes)
    lines = []
    for k, row in enumerate(matrix):
        whole = max(int(row.sum()), 1)
        cells = "".join(
            f'<td class="{"none" if not n else "hit" if j == k else "miss"}" '
            f'style="--share:{0.6 * math.sqrt(n / whole):.3f}">{n:,}</td>'
            for j, n in enumerate(row.tolist())
        )
        lines.append(f'<tr><th scope="row">{text(classes[k])}</th>{cells}</tr>\n')
    return words + scroll(
        '<table class="confusion"><caption>Confusion matrix: truth in rows, answer in columns'
        f"</caption><thead{short}><tr><td>truth ↓ answer →</td>{head}</tr></thead>\n"
        f"<tbody>{''.join(lines)}</tbody></table>",
        "Confusion matrix",
    )


def calibration_section(outcome: Outcome) -> str:
    """How far the confidence of an answer can be believed, before and after one temperature."""
    found = temperature(outcome)
    before, after = found.before, found.after
    accuracy, confidence = float(outcome.right.mean()), float(outcome.confidences.mean())
    how = "too sure" if confidence > accuracy else "not sure enough"
    if abs(confidence - accuracy) < 0.005:
        how = "about as sure as it should be"
    words = (
        f"Mean confidence {percent(confidence)}, accuracy {percent(accuracy)}: the network is "
        f"{how} on average. Dividing its logits by a temperature of {found.value:.2f} takes the "
        f"expected calibration error from {percent(before.error)} to {percent(after.error)} "
        f"({len(before.counts)} bins), measured on the half of the pictures that the temperature "
        "was not fitted on; the bundle answers with it. On the dashed line confidence is accuracy; "
        "a dot's area is its number of pictures, and the bars below show how the confidences are "
        "spread."
    )
    plots = "".join(
        f'<figure class="calibration"><figcaption><b>{name}: error {percent(one.error)}</b>'
        f"</figcaption>{calibration_plot(one)}</figure>"
        for name, one in (("As trained", before), (f"Temperature {found.value:.2f}", after))
    )
    tables = "".join(
        f"<div><h3>{name}</h3>{_bins(one, name)}</div>"
        for name, one in (("As trained", before), ("With the temperature", after))
    )
    return (
        f'<p>{text(words)}</p><div class="columns">{plots}</div>'
        f'<details><summary>The same as tables</summary><div class="columns">{tables}</div>'
        "</details>"
    )


def _bins(calibration: Calibration, name: str) -> str:
    bins = len(calibration.counts)
    rows: list[list[str | Number]] = []
    for m, count in enumerate(calibration.counts.tolist()):
        mean, right = float(calibration.confidences[m]), float(calibration.accuracies[m])
        if count:
            rows.append(
                [
                    f"{100 * m / bins:.0f}–{100 * (m + 1) / bins:.0f}{THIN}%",
                    Number(count, f"{count:,}"),
                    Number(mean, percent(mean)),
                    Number(right, percent(right)),
                ]
            )
    head = ["Confidence", "Pictures", "Mean confidence", "Accuracy"]
    return table(head, rows, caption=f"Accuracy by confidence: {name}")


def findings_section(
    findings: Sequence[tuple[str, str, str]],
    checks: Sequence[tuple[str, str, str]] | None,
    account: Mapping[str, Any],
) -> str:
    """What the data were, which pictures were left out, and what is odd about the others."""
    parts = [facts([("Data", str(account["data"])), ("Split", str(account["split"]))])]
    if findings:
        was = "was" if len(findings) == 1 else "were"
        lead = f"{counted(len(findings), 'picture')} {was} left out"
        parts.append(_findings(lead, findings, "Pictures left out"))
    else:
        parts.append("<p>Every picture could be read; none was left out.</p>")
    if checks:
        lead = f"{counted(len(checks), 'finding')} among the pictures that were used"
        parts.append(_findings(lead, checks, "Findings among the pictures used"))
    elif checks is not None:
        parts.append("<p>No duplicates, leaks, conflicting labels or odd pictures were found.</p>")
    return "".join(parts)


def _findings(lead: str, findings: Sequence[tuple[str, str, str]], caption: str) -> str:
    kinds = Counter(kind for _, kind, _ in findings)
    said = ", ".join(f"{count:,} × {text(kind)}" for kind, count in kinds.most_common())
    more = f" The first {LISTED} are named here." if len(findings) > LISTED else ""
    rows = [[name, kind, message] for name, kind, message in findings[:LISTED]]
    columns = ["Picture", "Finding", "Message"]
    return f"<p>{lead}: {said}.{more}</p>" + table(columns, rows, caption=caption, sortable=True)


def time_section(seconds: Mapping[str, float], said: str = "") -> str:
    """Where the time went: a verdict, by default that of the seconds, and a table."""
    words = said or verdict(seconds)
    told = f'<p class="verdict">{text(words[0].upper() + words[1:])}.</p>'
    total = sum(seconds.values())
    if not total > 0:
        return told
    rows: list[list[str | Number]] = [
        [
            PARTS[part][0].capitalize() if part in PARTS else part,
            Number(value, f"{value:,.1f}"),
            Number(value, percent(value / total), bar=value / total),
        ]
        for part, value in seconds.items()
    ]
    return told + table(["Part", "Seconds", "Share"], rows, caption="Time of every part")


def recipe_section(recipe: Mapping[str, Any], account: Mapping[str, Any]) -> str:
    """The command that repeats the run, every value of its recipe, the machine and the versions."""
    network = [
        ("network", str(account["network"])),
        ("parameters", f"{account['parameters']:,}"),
        ("MACs per picture", f"{account['macs']:,}"),
        ("machine", str(account["machine"])),
    ]
    versions = [(name, str(version)) for name, version in account["versions"].items()]
    return (
        "<p>The command below repeats this run; recipe.yaml beside this page holds every value.</p>"
        f'<pre tabindex="0">{text(account["command"])}</pre><div class="columns">'
        f"<div><h3>Recipe</h3>{facts(_flat(recipe))}</div><div><h3>Network, machine, versions</h3>"
        f"{facts([*network, *versions])}</div></div>"
    )


def _flat(recipe: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """The values of a nested recipe, with dotted names."""
    rows: list[tuple[str, str]] = []
    for key, value in recipe.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{before}{key}.")
        elif isinstance(value, list | tuple):
            rows.append((f"{before}{key}", ", ".join(map(str, value)) or "none"))
        else:
            rows.append((f"{before}{key}", "none" if value in (None, {}) else str(value)))
    return rows
