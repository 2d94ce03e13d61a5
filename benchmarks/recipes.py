"""Scores of a recipe over seeds, at the last epoch: python benchmarks/recipes.py RECIPE DATA
[--seeds 3].

Every seed is a run of its own under --runs, trained by the same `hubel.train` that users call.
Killed and started again, it goes on where it was. The figures go to benchmarks/results/ with the
machine they were made on.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import hubel
from hubel.runtime.machine import environment
from hubel.training.run import Run

RESULTS = Path(__file__).parent / "results"


def one(recipe: str | None, data: Any, name: str, runs: Path, changes: dict[str, Any]) -> Run:
    """The finished run of that name, from wherever it is."""
    path = runs / "classify" / name
    if (path / "recipe.yaml").exists():
        return hubel.train(data, resume=path)
    return hubel.train(data, recipe=recipe, runs=runs, name=name, **changes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--without", default="", help="practices to leave out, such as augment")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    asked = parser.parse_args()
    left_out = asked.without.split(",") if asked.without else []
    title = "-".join([asked.recipe, *(f"no-{name}" for name in left_out)])
    changes: dict[str, Any] = {"without": left_out}
    if asked.threads:
        changes["threads"] = asked.threads
    rows = []
    for seed in range(asked.seeds):
        run = one(
            asked.recipe, asked.data, f"{title}-{seed}", asked.runs, {**changes, "seed": seed}
        )
        last = run.results[-1]
        rows.append({"seed": seed, "seconds": last["seconds"], **run.scores})
        print(
            f"seed {seed}: top-1 {last['val_top1']:.2%} after {last['seconds']:.0f} s", flush=True
        )
    scores = [row["val_top1"] for row in rows]
    found = {
        "recipe": title,
        "data": Path(asked.data).name,
        "threads": run.recipe.threads,
        "epochs": run.results[-1]["epoch"],
        "mean_top1": statistics.mean(scores),
        "deviation": statistics.stdev(scores) if len(scores) > 1 else None,
        "seeds": rows,
        "machine": environment(),
    }
    (RESULTS / f"{title}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{title}: mean {found['mean_top1']:.2%} over {len(scores)} seeds")


if __name__ == "__main__":
    main()
