"""The sections of the report, in its order: each a function from numbers and pictures to HTML."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hubel.analysis.calibration import temperature
from hubel.analysis.errors import (
    Calibration,
    confused_pairs,
    confusion,
    per_class,
    worst,
)
from hubel.analysis.labels import suspects
from hubel.report.draw import Curve, calibration_plot, heat_map, plot
from hubel.report.heat import over
from hubel.report.html import Number, facts, mark, scroll, table, text, tile, tiles
from hubel.report.words import PARTS, THIN, counted, percent, verdict
from hubel.tasks.outcome import Outcome

NUMBERED = 20  # classes up to which the confusion matrix is a table of numbers
DRAWN = 48  # validation pictures drawn at random, and training pictures shown
WORST = 24
PAIRS, PER_PAIR = 8, 4
LISTED = 300  # left-out pictures that are named one by one


class Pictures(Protocol):
    """Anything whose [i] is one picture, uint8 (H, W, C): an array, or a data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> NDArray[np.uint8]: ...


def curves(results: Sequence[Mapping[str, Any]], classes: int) -> str:
    """Loss, accuracy and learning rate over the epochs, and the same as a table."""
    if not results:
        return "<p>No epoch was finished.</p>"

    def points(column: str) -> list[tuple[float, float]]:
        both = [(_number(row, "epoch"), _number(row, column)) for row in results]
        return [(x, y) for x, y in both if math.isfinite(y)]

    loss = [
        Curve("training", "train", points("train_loss")),
        Curve("validation", "val", points("val_loss")),
    ]
    accuracy = [Curve("top-1", "val", points("val_top1"))]
    if classes > 5:
        accuracy.append(Curve("top-5", "second", points("val_top5")))
    rate = [Curve("end of epoch", "train", points("lr"))]
    plots = (
        plot("Loss", loss)
        + plot("Validation accuracy", accuracy, shares=True)
        + plot("Learning rate", rate)
    )
    head = ["epoch", "step", "seconds", "lr", "train_loss", "val_loss", "val_top1", "val_top5"]
    rows = [[_result(row, name) for name in head] for row in results]
    every = table(head, rows, caption="Results of every epoch")
    return (
        f'<div class="plots">{plots}</div>'
        f"<details><summary>Every epoch as a table</summary>{every}</details>"
    )


def _number(row: Mapping[str, Any], name: str) -> float:
    """A value of results.csv; NaN where it is empty or missing."""
    value = row.get(name)
    return math.nan if value is None or value == "" else float(value)


def _result(row: Mapping[str, Any], name: str) -> Number:
    value = _number(row, name)
    if math.isnan(value):
        return Number(value, "–")
    if name in ("epoch", "step"):
        return Number(value, f"{value:,.0f}")
    if name == "seconds":
        return Number(value, f"{value:,.1f}")
    return Number(value, percent(value, 2) if name.startswith("val_top") else f"{value:.4g}")


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


def _answer(
    outcome: Outcome,
    classes: Sequence[str],
    validation: Pictures,
    i: int,
    name: str,
    evidence: Sequence[NDArray[np.uint8]] = (),
) -> str:
    return tile(
        validation[i],
        classes[outcome.truths[i]],
        classes[outcome.predictions[i]],
        float(outcome.confidences[i]),
        name,
        evidence,
    )


def drawn(outcome: Outcome, classes: Sequence[str], validation: Pictures) -> str:
    """Validation pictures drawn at random, the same ones for every run on the same data."""
    total = len(outcome.names)
    count = min(DRAWN, total)
    chosen = np.sort(np.random.default_rng(0).choice(total, count, replace=False))
    return (
        f"<p>{count} of {counted(total, 'validation picture')}, drawn at random, so that they err "
        "about as often as all of them. The truth stands first, below it the answer with its "
        "confidence: "
        f'<span class="key">{mark(True)} right</span>, '
        f'<span class="key wrong">{mark(False)} wrong</span>.</p>'
    ) + tiles(_answer(outcome, classes, validation, i, "") for i in chosen.tolist())


def worst_section(
    outcome: Outcome,
    classes: Sequence[str],
    validation: Pictures,
    heats: NDArray[np.float32] | None = None,
) -> str:
    """The mistakes with the highest loss; `heats` (n, 2, H, W) tells what speaks for truth and
    answer in each of the first n.
    """
    mistakes = int((~outcome.right).sum())
    chosen = worst(outcome, WORST).tolist()
    if not chosen:
        return f"<p>None: all {counted(len(outcome.names), 'validation picture')} are right.</p>"
    which = f"{len(chosen)} of {mistakes:,}" if mistakes > len(chosen) else f"All {mistakes}"
    which = "The only one" if mistakes == 1 else f"{which} mistakes, the highest loss first"
    lead = (
        f"{which}. Look here for wrong labels: errors.csv lists every validation picture by "
        "its loss, with an empty column for the corrected class."
    )
    if heats is None:
        shown = (_answer(outcome, classes, validation, i, outcome.names[i]) for i in chosen)
        return f"<p>{lead}</p>{tiles(shown)}"
    items = []
    for i, both in zip(chosen, heats):
        pixels = validation[i]
        evidence = [over(pixels, heat) for heat in both]
        items.append(_answer(outcome, classes, validation, i, outcome.names[i], evidence))
    return (
        f"<p>{lead} Beside each picture: what speaks for its truth, then what speaks for the "
        "answer (Grad-CAM; bright speaks for it most, each by its own scale).</p>"
        + tiles(items, "threes")
    )


def labels_section(outcome: Outcome, classes: Sequence[str], validation: Pictures) -> str:
    """The labels that are probably wrong, by confident learning."""
    found = suspects(outcome.probabilities, outcome.truths)
    total = counted(found.pictures, "validation picture")
    how = (
        "A label is doubted where the network, which never saw the picture, is as sure of another "
        "class as it usually is of that class, and not of the given one (confident learning, "
        "Northcutt et al. 2019)."
    )
    if not len(found.places):
        return f"<p>None of the {total} has a label that the network doubts. {how}</p>"
    places = found.places[:WORST].tolist()
    some = f" The {len(places)} most doubtful:" if len(places) < len(found.places) else ""
    lead = (
        f"{len(found.places):,} of {total} ({percent(len(found.places) / found.pictures)}) may be "
        f"labelled wrong. {how} Many will be the network's own mistakes: look, write the right "
        f"class into the column corrected of errors.csv, and train again with --labels.{some}"
    )
    items = [
        tile(
            validation[i],
            classes[outcome.truths[i]],
            classes[k],
            float(outcome.probabilities[i, k]),
            outcome.names[i],
        )
        for i, k in zip(places, found.suggested.tolist())
    ]
    return f"<p>{lead}</p>{tiles(items)}"


def pairs_section(outcome: Outcome, classes: Sequence[str], validation: Pictures) -> str:
    """The classes most often taken for one another, with the surest mistakes of each pair."""
    pairs = confused_pairs(confusion(outcome), PAIRS)
    if not pairs:
        return "<p>None: no class was taken for another.</p>"
    blocks = []
    for pair in pairs:
        both = (outcome.truths == pair.truth) & (outcome.predictions == pair.answer)
        chosen = np.flatnonzero(both)
        chosen = chosen[np.argsort(-outcome.confidences[chosen], kind="stable")][:PER_PAIR]
        blocks.append(
            f'<div class="pair"><h3>{text(classes[pair.truth])} taken for '
            f"{text(classes[pair.answer])}<small>{counted(pair.count, 'picture')}, "
            f"{text(percent(pair.share))} of its class</small></h3>"
            + tiles(_answer(outcome, classes, validation, i, "") for i in chosen.tolist())
            + "</div>"
        )
    return (
        "<p>The most frequent mistakes, with the pictures whose wrong answer was surest.</p>"
        f'<div class="columns">{"".join(blocks)}</div>'
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


def examples_section(
    pictures: NDArray[np.uint8], labels: Sequence[int | Sequence[float]], classes: Sequence[str]
) -> str:
    """Training pictures as the network gets them, each with its class or the shares of its
    classes.
    """
    if not len(pictures):
        return "<p>The run kept no training pictures.</p>"
    height, width = pictures[0].shape[:2]
    return (
        f"<p>As the network gets them: after augmentation, {height} × {width} pixels. They should "
        "still show their class.</p>"
    ) + tiles(tile(p, _label(k, classes)) for p, k in zip(pictures[:DRAWN], labels[:DRAWN]))


def _label(label: int | Sequence[float], classes: Sequence[str]) -> str:
    """A class by name, or those of a mixed picture with their shares."""
    if not isinstance(label, Sequence):
        return classes[label]
    held = sorted(((share, name) for share, name in zip(label, classes) if share), reverse=True)
    said = (name if share == 1 else f"{name} {percent(share, 0)}" for share, name in held)
    return ", ".join(said) or "none"


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
    total = sum(seconds.values()) or 1.0
    words = said or verdict(seconds)
    rows: list[list[str | Number]] = [
        [
            PARTS[part][0].capitalize() if part in PARTS else part,
            Number(value, f"{value:,.1f}"),
            Number(value, percent(value / total), bar=value / total),
        ]
        for part, value in seconds.items()
    ]
    return f'<p class="verdict">{text(words[0].upper() + words[1:])}.</p>' + table(
        ["Part", "Seconds", "Share"], rows, caption="Time of every part"
    )


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
