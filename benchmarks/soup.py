"""Weight soup against its ingredients: python benchmarks/soup.py CIFAR10 [--draws 5].

ResNet-14 is trained on five classes of CIFAR-10, as for benchmarks/transfer.py. Then 50 pictures of
each of the other five are drawn, on which it is fine-tuned eight times: four rates, with and
without mixup. `hubel soup` averages the eight; which it keeps is decided on 50 other pictures of
each class. Scored on the 5,000 test pictures of these classes are the run that is best on those,
the mean of all eight, both soups, and the average of the eight networks' answers, which costs eight
times as much. The figures go to benchmarks/results/soup.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from transfer import COUNT, FIRST, OTHERS, only, part, summary, trained

import hubel
from hubel.data import decode, open_data
from hubel.runtime.machine import environment
from hubel.training.run import Run

RESULT = Path(__file__).parent / "results" / "soup.json"
RATES = (0.02, 0.05, 0.1, 0.2)
MIXES = (None, {"name": "mixup", "alpha": 0.2})


def answered(run: Run, pictures: Any) -> np.ndarray:
    """Probabilities (N, classes) of the run's bundle."""
    predictor = hubel.load(run.bundle)
    return predictor.probabilities(predictor.scores(np.asarray(pictures.arrays)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cifar10")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--epochs", type=float, default=16, help="of the training on five classes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    asked = parser.parse_args()
    whole = open_data(asked.cifar10)
    first = trained(
        part(whole, FIRST), "five-classes", asked.runs,
        recipe="resnet14", epochs=asked.epochs, threads=asked.threads,
    )  # fmt: skip
    pictures = decode(only(whole.val, OTHERS, slice(None)), first.recipe.seen)[0]

    def right(probabilities: np.ndarray) -> float:
        return float((probabilities.argmax(1) == pictures.targets).mean())

    scores: dict[str, list[float]] = defaultdict(list)
    kept = []
    for draw in range(asked.draws):
        held = only(whole.train, OTHERS, slice(COUNT, 2 * COUNT), draw)
        few = replace(part(whole, OTHERS, COUNT, draw), val=held)
        runs = [
            trained(
                few, f"soup-{draw}-{number}", asked.runs, recipe="finetune", weights=first.path,
                lr=rate, mix=mix, seed=number, threads=asked.threads,
            )
            for number, (rate, mix) in enumerate((r, m) for r in RATES for m in MIXES)
        ]  # fmt: skip
        words = {"data": few, "into": asked.runs}
        greedy = hubel.soup(runs, name=f"soup-{draw}-greedy", **words)
        every = hubel.soup(runs, name=f"soup-{draw}-every", every=True, **words)
        kept.append(greedy.count)
        answers = {str(run.path): answered(run, pictures) for run in (*runs, greedy.run, every.run)}
        top1 = {name: right(found) for name, found in answers.items()}
        alone = [str(run.path) for run in runs]
        scores["mean of the runs"].append(statistics.mean(top1[name] for name in alone))
        scores["best run"].append(top1[greedy.ingredients[0].run])
        scores["soup"].append(top1[str(greedy.run.path)])
        scores["soup of every run"].append(top1[str(every.run.path)])
        together = np.mean([answers[name] for name in alone], axis=0)
        scores["average of the answers"].append(right(together))
        latest = ", ".join(f"{name} {values[-1]:.2%}" for name, values in scores.items())
        print(f"draw {draw}: {latest}", flush=True)
    found = {name: summary(values) for name, values in scores.items()}
    result = {"draws": asked.draws, "pictures_per_class": COUNT, "kept": kept, "top1": found}
    result["machine"] = environment()
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, row in found.items():
        print(f"{name}: {row['mean']:.2%}, deviation {row['deviation'] or 0:.2%}")


if __name__ == "__main__":
    main()
