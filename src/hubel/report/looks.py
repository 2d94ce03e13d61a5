"""The sections of the report that show pictures: drawn, worst, doubted, confused, trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hubel.analysis.errors import (
    confused_pairs,
    confusion,
    worst,
)
from hubel.analysis.labels import suspects
from hubel.report.heat import over
from hubel.report.html import mark, text, tile, tiles
from hubel.report.words import counted, percent
from hubel.tasks.outcome import Outcome

DRAWN = 48  # validation pictures drawn at random, and training pictures shown
WORST = 24
PAIRS, PER_PAIR = 8, 4


class Pictures(Protocol):
    """Anything whose [i] is one picture, uint8 (H, W, C): an array, or a data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> NDArray[np.uint8]: ...


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
