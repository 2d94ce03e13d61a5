"""Never slower: what `bench --save` chose, judged in a later race against every other way.

    python benchmarks/engines.py [--rounds 9] [--threads 2] [--only resnet18 ...]

For each of twelve networks, from LeNet-5 to ConvNeXt-T, in float32: a first race chooses, as `hubel
bench --save` does. A second one judges the chosen against timm or torchvision (where they are
installed, else Hubel's own network unfused in torch) eager, channels-last and compiled, and against
ONNX Runtime and OpenVINO. Wanted: the chosen within 10 % of the best of all of them, and in the
geometric mean at least 2.0 times as fast as eager at batch 1 and 1.3 times at batch 16.

Takes about five minutes a network; each is written to benchmarks/results/engines.json when it is
done, and is not measured again while it stands there. Exit code 1 where a target is missed.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rounds import rows, runner

from hubel.export.eager import FORMS
from hubel.export.race import race
from hubel.export.times import Race
from hubel.export.ways import Way, ways
from hubel.runtime.bundle import Bundle
from hubel.verbs.bench import drawn

NETWORKS = {
    "lenet5": "", "alexnet": "torchvision", "vgg11_bn": "timm", "googlenet": "torchvision",
    "inception_v3": "timm", "resnet18": "timm", "resnet50": "timm", "densenet121": "timm",
    "mobilenetv2_100": "timm", "shufflenet_v2_x1_0": "torchvision", "efficientnet_b0": "timm",
    "convnext_tiny": "timm",
}  # fmt: skip
"""And the library that has each under this name."""
BATCHES = (1, 16)
LIMIT, FASTER = 1.1, {1: 2.0, 16: 1.3}


def peers(library: str) -> list[Way]:
    """The network in the forms of torch, by its library or, without one, by Hubel unfused."""
    there = library if library and find_spec(library) else "hubel"
    return [Way(f"{there} {form}") for form in FORMS]


def judged(found: Race, chosen: str, batch: int) -> dict[str, Any]:
    """The chosen against eager and against the best, round by round."""
    times = {
        str(lane.way): time.rounds
        for lane in found.lanes
        if lane.way.precision == "float32" and (time := lane.time(batch))
    }
    best = min(times, key=lambda name: statistics.median(times[name]))
    eager = next(name for name in times if name.endswith(" eager"))
    ratio = {
        name: statistics.median(a / b for a, b in zip(times[chosen], times[name])) for name in times
    }
    return {
        "chosen": chosen,
        "best": best,
        "behind_best": ratio[best],
        "faster_than_eager": 1 / ratio[eager],
        "median_seconds": {name: statistics.median(rounds) for name, rounds in times.items()},
    }


def measured(name: str, rounds: int, threads: int) -> dict[str, Any]:
    """Choose, then judge in a race of its own."""
    with tempfile.TemporaryDirectory() as folder:
        bundle: Bundle = drawn(name, Path(folder))
        own = [way for way in ways(bundle) if way.precision == "float32"]
        words: Any = {"batches": BATCHES, "threads": threads, "say": print}
        first = race(bundle, own, rounds=7, **words)
        chosen = {b: first.fastest(b, ships=True) for b in BATCHES}
        second = race(bundle, [*own, *peers(NETWORKS[name])], rounds=rounds, runner=runner, **words)
    won = {b: judged(second, str(lane.way), b) for b, lane in chosen.items() if lane}
    for batch, row in won.items():
        print(
            f"{name}, batch {batch}: {row['chosen']} {row['behind_best']:.2f} times the best "
            f"({row['best']}), {row['faster_than_eager']:.2f} times as fast as eager"
        )
    errors = {str(lane.way): lane.error for lane in second.lanes if lane.error}
    return {"batches": {str(b): row for b, row in won.items()}, "errors": errors}


def main() -> int:
    found = rows(__doc__, "engines.json", NETWORKS, measured)
    missed = 0
    for batch, least in FASTER.items():
        each = {name: row["batches"][str(batch)] for name, row in found.items()}
        mean = math.exp(statistics.fmean(math.log(r["faster_than_eager"]) for r in each.values()))
        late = [name for name, r in each.items() if r["behind_best"] > LIMIT]
        missed += len(late) + (mean < least)
        print(
            f"batch {batch}: {mean:.2f} times as fast as eager over {len(each)} networks (wanted "
            f"{least}), more than 10 % behind the best: {', '.join(late) or 'none'}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
