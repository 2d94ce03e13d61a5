"""How long a command takes from nothing: whole processes, cold, beside one that only imports torch.

    python benchmarks/startup.py [BUNDLE PICTURE]

Without arguments it writes a bundle of ResNet-18 and a picture of its own first. The commands take
turns, so that a busy moment of the machine meets them all, and the median of the rounds counts.
Writes benchmarks/results/startup.json; exit code 1 where a target is missed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hubel.runtime.machine import environment

ROUNDS = 11
RESULT = Path(__file__).parent / "results" / "startup.json"


def example(folder: Path) -> tuple[Path, Path]:
    """A bundle of ResNet-18 for 224 x 224 pixels, and a JPEG of 640 x 480 to ask it about."""
    import numpy as np
    import torch
    from PIL import Image

    from hubel.export.bundle import write_bundle
    from hubel.networks import create
    from hubel.pictures import Preprocess

    torch.manual_seed(0)
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC)
    image.save(folder / "picture.jpg")
    bundle = write_bundle(
        folder / "bundle",
        create("resnet18", classes=10),
        preprocess=Preprocess((224, 224), crop=0.875),
        classes=list("abcdefghij"),
        network={"name": "resnet18", "words": {}, "classes": 10, "channels": 3},
        golden=[("picture.jpg", np.asarray(image))],
    )
    return bundle, folder / "picture.jpg"


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[1:3]
        bundle, picture = given if len(given) == 2 else example(Path(folder))
        hubel = str(Path(sys.executable).with_name("hubel"))
        commands = {
            "import hubel": ([sys.executable, "-c", "import hubel"], 0.1),
            "hubel --help": ([hubel, "--help"], 0.25),
            "hubel predict": ([hubel, "predict", str(bundle), str(picture)], 0.7),
            "python -c pass": ([sys.executable, "-c", "pass"], None),
            "import torch": ([sys.executable, "-c", "import torch"], None),
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, (command, _) in commands.items():
                times[name].append(seconds(command))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    missed = 0
    print(f"{'command':<16} {'median':>8} {'fastest':>8} {'target':>8}   seconds, {ROUNDS} rounds")
    for name, (_, target) in commands.items():
        late = target is not None and medians[name] > target
        missed += late
        limit = "" if target is None else f"{target:.2f}"
        print(f"{name:<16} {medians[name]:8.3f} {min(times[name]):8.3f} {limit:>8}", end="")
        print("   MISSED" if late else "")
    RESULT.parent.mkdir(exist_ok=True)
    rounded = {name: round(median, 4) for name, median in medians.items()}
    RESULT.write_text(
        json.dumps(
            {"machine": environment(), "rounds": ROUNDS, "median seconds": rounded}, indent=1
        )
        + "\n",
        encoding="utf-8",
    )
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
