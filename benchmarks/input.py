"""Pictures per second from a folder of photographs to augmented 224x224 batches: Hubel against
Pillow and the framework's DataLoader.

    HUBEL_DATA=... python benchmarks/input.py [--workers 2] [--copies 24] [--rounds 5]

The photographs of superres are stored anew as JPEG of quality 90, `copies` times each, in a folder
per class. Both sides make normalized float32 batches of 64 out of random crops (area 0.08 to 1,
aspect 3/4 to 4/3, bilinear with antialiasing) and mirror images, with the same number of worker
processes, whose start is counted. The peer decodes every picture in full in every epoch, as the
usual training script does. Hubel's first epoch opens the folder with an empty cache, decodes and
keeps the pictures (at half their size where both sides keep 280 pixels, the canvas that the recipe
for photographs has for 224), then cuts the batches; `cached` is the next start. `streamed` is an
epoch without a cache, its look for unusable pictures included. The sides take turns, each in a
process of its own; the goals are 1.25 and 3 times the peer.
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
from pathlib import Path
from typing import Any

from hubel.pictures import list_pictures
from hubel.runtime.machine import cores, environment

RESULT = Path(__file__).parent / "results" / "input.json"
SIZE, CANVAS, BATCH = 224, 280, 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GOALS = {"first": 1.25, "cached": 3.0}


def photographs(root: Path, copies: int) -> dict[str, Any]:
    """Write the folder; how many pictures, of what sizes."""
    from PIL import Image

    sizes: Counter[str] = Counter()
    bytes_, count = 0, 0
    for number, path in enumerate(list_pictures(Path(os.environ["HUBEL_DATA"]) / "superres")):
        file = io.BytesIO()
        picture = Image.open(path).convert("RGB")
        picture.save(file, "JPEG", quality=90)
        sizes[f"{picture.width}x{picture.height}"] += copies
        for copy in range(copies):
            target = root / f"class {copy % 2}" / f"{number}-{copy}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.getvalue())
            count, bytes_ = count + 1, bytes_ + len(file.getvalue())
    return {"pictures": count, "of them different": count // copies, "bytes": bytes_,
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


def peer(root: Path, workers: int) -> int:
    """An epoch; the pictures that came out."""
    from torch.utils.data import DataLoader

    loader = DataLoader(
        Folder(root), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers
    )
    return sum(len(x) for x, _ in loader)


def hubel(root: Path, workers: int) -> int:
    """The same from whatever the cache holds."""
    import torch

    from hubel.data import Loader, decode, open_data
    from hubel.data.augment import Crop, Mirror
    from hubel.pictures import Preprocess

    data = open_data(root, val=0.0001)
    way = Preprocess((SIZE, SIZE), mean=MEAN, std=STD)
    pictures, _ = decode(data.train, way, least=CANVAS)
    steps = (Crop((SIZE, SIZE), area=(0.08, 1.0)), Mirror())
    loader = Loader(pictures, batch=BATCH, seed=0, augment=steps, workers=workers, ahead=True)
    mean, std = (torch.tensor(values)[:, None, None] * 255 for values in (MEAN, STD))
    count = 0
    for batch in loader.epoch(0):
        x = batch.pictures.float().sub_(mean).div_(std)  # what a network does with it first
        count += len(x)
    return count


def one(side: str, root: Path, workers: int) -> float:
    """Pictures per second of an epoch in this process; imports are not counted."""
    import torch.utils.data  # noqa: F401
    from PIL import Image, JpegImagePlugin  # noqa: F401

    import hubel.data.loader  # noqa: F401

    began = time.perf_counter()
    count = (peer if side == "peer" else globals()["hubel"])(root, workers)
    return count / (time.perf_counter() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--copies", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=2, help="used by the benchmark itself")
    asked = parser.parse_args()
    if asked.one:
        print(one(asked.one[0], Path(asked.one[1]), asked.workers))
        return 0
    speeds: dict[str, list[float]] = {"peer": [], "first": [], "cached": [], "streamed": []}
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder, "photographs"), Path(folder, "cache")
        made = photographs(root, asked.copies)
        print(f"{made['pictures']:,} photographs, {made['bytes'] / 1e6:,.0f} MB", flush=True)
        for _ in range(asked.rounds):
            for side, found in speeds.items():
                if side in ("first", "streamed"):
                    shutil.rmtree(cache, ignore_errors=True)
                limit = {"HUBEL_CACHE_LIMIT": "0"} if side == "streamed" else {}
                words = [sys.executable, __file__, "--workers", str(asked.workers)]
                done = subprocess.run(
                    [*words, "--one", side, str(root)],
                    env={**os.environ, "HUBEL_CACHE": str(cache), "OMP_NUM_THREADS": "1", **limit},
                    stdout=subprocess.PIPE,
                    check=True,
                )
                found.append(float(done.stdout))
                print(f"{side:9} {found[-1]:7.0f} pictures/s", flush=True)
    ratios = {
        side: statistics.median(ours / theirs for ours, theirs in zip(found, speeds["peer"]))
        for side, found in speeds.items()
        if side != "peer"
    }
    for side, ratio in ratios.items():
        goal = f" (goal {GOALS[side]:g})" if side in GOALS else ""
        print(f"{side:9} {ratio:5.2f} times the peer{goal}")
    result = {
        **made,
        "workers": asked.workers,
        "batch": BATCH,
        "canvas": CANVAS,
        "pictures per second": speeds,
        "ratio, median of rounds": ratios,
        "machine": environment(),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0 if all(ratios[side] >= goal for side, goal in GOALS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
