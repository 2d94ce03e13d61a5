"""One minute against the beginner's program: python benchmarks/lecture.py DATA [--runs runs].

`hubel train DATA --minutes 1` and the recipe lecture (ten epochs of batches of 4) on the same
pictures of CIFAR-10. The minute should end at or above the program's own final accuracy. Every run
can be killed: the same command goes on where it was. Writes benchmarks/results/lecture.json; the
machine should be otherwise idle, since the minute is measured by the clock.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from recipes import RESULTS, one

from hubel.runtime.files import write_whole
from hubel.runtime.machine import environment

RUNS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "minute": (None, {"minutes": 1}),
    "lecture": ("lecture", {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="both on 2,000 pictures, for CI")
    asked = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in RUNS}
    kind = "-quick" if asked.quick else ""
    small = {"pictures": 2000} if asked.quick else {}
    for seed in range(asked.seeds):
        for name, (recipe, changes) in RUNS.items():
            title = f"lecture{kind}-{name}-{seed}"
            run = one(recipe, asked.data, title, asked.runs, {**changes, **small, "seed": seed})
            last = run.results[-1]
            found[name].append(
                {"seed": seed, "network": run.recipe.network, "threads": run.recipe.threads,
                 "steps": last["step"], "seconds": last["seconds"], "top1": last["val_top1"]}
            )  # fmt: skip
            print(f"{name}: {last['val_top1']:.2%} after {last['seconds']:.0f} s", flush=True)
    means = {name: sum(row["top1"] for row in rows) / len(rows) for name, rows in found.items()}
    result = {"data": Path(asked.data).name, **small, "runs": found, "means": means}
    result["machine"] = environment()
    write_whole(RESULTS / f"lecture{kind}.json", json.dumps(result, indent=2) + "\n")
    verdict = "at or above" if means["minute"] >= means["lecture"] else "BELOW"
    print(f"one minute: {means['minute']:.2%}, {verdict} the lecture's {means['lecture']:.2%}")


if __name__ == "__main__":
    main()
