"""Score a bundle that tags: any number of classes a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hubel.data import Data, Pictures
    from hubel.verbs.judge import Judge


@dataclass(frozen=True)
class TagScores:
    """Scores, shares of 1: `mean_average_precision` over the classes that some picture shows, F1 at
    a probability of 1/2 over all questions together and as the mean of the classes.

    `per_class`: for every class its pictures, average precision (None without pictures) and F1.
    """

    bundle: str
    data: str
    split: str
    pictures: int
    mean_average_precision: float
    f1: float
    f1_macro: float
    per_class: dict[str, tuple[int, float | None, float]]
    left_out: dict[str, str]

    def __str__(self) -> str:
        """A few lines for people."""
        width = max(5, *map(len, self.per_class))
        lines = [
            f"{self.pictures:,} pictures of {self.data} ({self.split})",
            f"mean average precision  {self.mean_average_precision:.2%}",
            f"F1, all questions       {self.f1:.2%}",
            f"F1, mean of classes     {self.f1_macro:.2%}",
            "",
            f"{'class':<{width}}  pictures  average precision       F1",
        ]
        for name, (pictures, precision, f1) in self.per_class.items():
            shown = "-" if precision is None else f"{precision:.2%}"
            lines.append(f"{name:<{width}}  {pictures:>8,}  {shown:>17}  {f1:>7.2%}")
        if self.left_out:
            lines += ["", f"Left out ({len(self.left_out)}):"]
            lines += [f"{name}: {reason}" for name, reason in self.left_out.items()]
        return "\n".join(lines)


def score_tags(
    judge: Judge,
    data: Data,
    split: str,
    pictures: Pictures,
    p: NDArray[np.float64],
    left_out: dict[str, str],
) -> TagScores:
    """Score the probabilities p (N, classes) that a judge gave pictures of a part of the data,
    which is `split` in words; classes are matched by name.
    """
    import numpy as np

    from hubel.tasks.tagged import Tagged

    classes = judge.classes
    truths = np.zeros((len(pictures), len(classes)), bool)
    truths[:, [classes.index(name) for name in data.classes]] = pictures.targets > 0
    losses = -np.log(np.maximum(np.where(truths, p, 1 - p), np.finfo(np.float64).tiny))
    outcome = Tagged(tuple(pictures.names), truths, p.astype(np.float32), losses.mean(axis=1))
    rows = zip(classes, outcome.per_class, outcome.average_precision, outcome.f1_per_class)
    return TagScores(
        bundle=judge.name,
        data=str(data.where),
        split=split,
        pictures=len(truths),
        mean_average_precision=outcome.mean_average_precision,
        f1=outcome.f1,
        f1_macro=outcome.f1_macro,
        per_class={
            name: (int(counts[0]), None if np.isnan(precision) else float(precision), float(f1))
            for name, counts, precision, f1 in rows
        },
        left_out=left_out,
    )
