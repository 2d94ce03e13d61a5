"""How long `hubel check` looks at MNIST and CIFAR-10, and what it finds there.

    HUBEL_DATA=... python benchmarks/check.py

Times are of whole processes, page included. The goals on two cores: 60,000 pictures of MNIST in 3
minutes, 10,000 pictures of 32 x 32 in one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS_PER_PICTURE = {"mnist": 180 / 60_000, "cifar10": 60 / 10_000}


def main() -> int:
    kept = True
    for name, goal in SECONDS_PER_PICTURE.items():
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "check.html")
            command = [sys.executable, "-m", "hubel", "check", name, "--json", "--report", page]
            began = time.perf_counter()
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            seconds = time.perf_counter() - began
            size = page.stat().st_size
        found = json.loads(done.stdout)
        limit = goal * found["pictures"]
        kept &= seconds <= limit
        print(
            f"{name:8} {found['pictures']:,} pictures in {seconds:.1f} s (goal {limit:.0f} s), "
            f"page {size / 1e6:.2f} MB, {found['kinds']}"
        )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
