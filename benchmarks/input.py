"""Pictures per second from a folder of photographs to augmented 224x224 batches: Hubel against
Pillow and the framework's DataLoader.

    HUBEL_DATA=... python benchmarks/input.py [--workers 2] [--copies 24] [--rounds 5]

The photographs of superres are stored anew as JPEG of quality 90, `copies` times each, in a folder
per class. Both sides make normalized float32 batches of 64 out of random crops (area 0.08 to 1,
aspect 3/4 to 4/3, bilinear with antialiasing) and mirror images, with the same number of
workers, whose start counts. The peer decodes every picture in full in every epoch, as the
usual training script does. Hubel's first epoch opens the folder with an empty cache, decodes and
keeps the pictures (at half their size where both sides keep 280 pixels, the canvas that the recipe
for photographs has for 224), then cuts the batches; the second cuts them from the cache. Without a
cache (`streamed`) both decode, and the first also looks for unusable pictures. The sides take
turns, each in a process of its own, epoch against epoch; the goals are 1.25 times the peer in the
first epoch and 3 times from the cache.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

from hubel.pictures import list_pictures
from hubel.runtime.machine import cores, environment

RESULT = Path(__file__).parent / "results" / "input.json"
SIZE, CANVAS, BATCH = 224, 280, 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GOALS = {"first epoch": 1.25, "from the cache": 3.0}


def photographs(root: Path, copies: int) -> dict[str, Any]:
    """Write the folder; how many pictures, of what sizes."""
    from PIL import Image

    sizes: Counter[str] = Counter()
    sizes_of_files = []
    for number, path in enumerate(list_pictures(Path(os.environ["HUBEL_DATA"]) / "superres")):
        file = io.BytesIO()
        picture = Image.open(path).convert("RGB")
        picture.save(file, "JPEG", quality=90)
        sizes[f"{picture.width}x{picture.height}"] += copies
        for copy in range(copies):
            target = root / f"class {copy % 2}" / f"{number}-{copy}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.getvalue())
            sizes_of_files.append(len(file.getvalue()))
    many = len(sizes_of_files)
    return {"pictures": many, "of them different": many // copies, "bytes": sum(sizes_of_files),
            "sizes": dict(sizes.most_common())}  # fmt: skip


class Folder:
    """The peer: what a training script does with Pillow, written straightforwardly."""

    def __init__(self, root: Path):
        self.files = [(path, label) for label, folder in enumerate(sorted(root.iterdir()))
                      for path in sorted(folder.iterdir())]  # fmt: skip

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int):
        import numpy as np
        import torch
        from PIL import Image

        path, label = self.files[i]
        with path.open("rb") as file:
            picture = Image.open(file).convert("RGB")
        left, top, width, height = self.window(*picture.size)
        picture = picture.crop((left, top, left + width, top + height))
        picture = picture.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        if torch.rand(1) < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        x = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255)
        mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
        return x.sub_(mean).div_(std), label

    @staticmethod
    def window(w: int, h: int) -> tuple[int, int, int, int]:
        """Left, top, width, height; the whole where ten trials do not fit."""
        import math

        import torch

        for _ in range(10):
            area = w * h * float(torch.empty(1).uniform_(0.08, 1))
            ratio = math.exp(float(torch.empty(1).uniform_(math.log(3 / 4), math.log(4 / 3))))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= w and 0 < height <= h:
                left = int(torch.randint(0, w - width + 1, (1,)))
                top = int(torch.randint(0, h - height + 1, (1,)))
                return left, top, width, height
        return 0, 0, w, h


def peer(root: Path, workers: int) -> Iterator[int]:
    """Epochs; the pictures that came out of each."""
    from torch.utils.data import DataLoader

    loader = DataLoader(
        Folder(root),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    while True:
        yield sum(len(x) for x, _ in loader)


def ours(root: Path, workers: int) -> Iterator[int]:
    """The same, with or without a cache."""
    from hubel.data import Loader, decode, open_data
    from hubel.data.augment import Crop, Mirror
    from hubel.ops.normalize import Normalize
    from hubel.pictures import Preprocess
    from hubel.runtime.machine import keep_memory

    keep_memory()  # as every training does
    data = open_data(root, val=0.0001)
    way = Preprocess((SIZE, SIZE), mean=MEAN, std=STD)
    pictures, _ = decode(data.train, way, least=CANVAS)
    steps = (Crop((SIZE, SIZE), area=(0.08, 1.0)), Mirror())
    loader = Loader(pictures, batch=BATCH, seed=0, augment=steps, workers=workers, ahead=True)
    normalize = Normalize(way)  # what a network does first
    for epoch in count():
        yield sum(len(normalize(batch.pictures)) for batch in loader.epoch(epoch))


def one(side: str, root: Path, workers: int) -> list[float]:
    """Pictures per second of the first and the second epoch in this process, without imports."""
    import torch.utils.data  # noqa: F401
    from PIL import Image, JpegImagePlugin  # noqa: F401

    import hubel.data.loader  # noqa: F401

    if side == "streamed":
        from hubel.data import decoding

        decoding.free_memory = lambda: 1  # or so few pictures would stay in memory
    began, speeds = time.perf_counter(), []
    for pictures in islice((peer if side == "peer" else ours)(root, workers), 2):
        now = time.perf_counter()
        speeds.append(pictures / (now - began))
        began = now
    return speeds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--copies", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, help="used by the benchmark itself")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(asked.one[0], Path(asked.one[1]), asked.workers)))
        return 0
    speeds: dict[str, list[list[float]]] = {"peer": [], "cached": [], "streamed": []}
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder, "photographs"), Path(folder, "cache")
        made = photographs(root, asked.copies)
        print(f"{made['pictures']:,} photographs, {made['bytes'] / 1e6:,.0f} MB", flush=True)
        for _ in range(asked.rounds):
            for side, found in speeds.items():
                shutil.rmtree(cache, ignore_errors=True)
                limit = {"HUBEL_CACHE_LIMIT": "0"} if side == "streamed" else {}
                words = [sys.executable, __file__, "--workers", str(asked.workers)]
                done = subprocess.run(
                    [*words, "--one", side, str(root)],
                    env={**os.environ, "HUBEL_CACHE": str(cache), "OMP_NUM_THREADS": "1", **limit},
                    stdout=subprocess.PIPE,
                    check=True,
                )
                found.append(json.loads(done.stdout))
                first, second = found[-1]
                print(f"{side:9} {first:6.0f} and {second:6.0f} pictures/s", flush=True)
    ratios = {
        name: statistics.median(
            mine[epoch] / theirs[epoch] for mine, theirs in zip(speeds[side], speeds["peer"])
        )
        for name, side, epoch in (
            ("first epoch", "cached", 0),
            ("from the cache", "cached", 1),
            ("streamed, first epoch", "streamed", 0),
            ("streamed", "streamed", 1),
        )
    }
    for side, ratio in ratios.items():
        goal = f" (goal {GOALS[side]:g})" if side in GOALS else ""
        print(f"{side:21} {ratio:5.2f} times the peer{goal}")
    result = {
        **made,
        "workers": asked.workers,
        "batch": BATCH,
        "canvas": CANVAS,
        "pictures per second, first and second epoch": speeds,
        "ratio, median of rounds": ratios,
        "machine": environment(),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0 if all(ratios[side] >= goal for side, goal in GOALS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
