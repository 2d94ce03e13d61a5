"""What keeping freed memory is worth: training steps of ResNet-14 with and without it.

    python benchmarks/memory.py [--rounds 7]

Whole processes take turns, since the setting cannot be taken back within one; each prints the
median of its steps, and the ratio is that of the medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from hubel.runtime.machine import cores, environment, keep_memory

RESULT = Path(__file__).parent / "results" / "memory.json"
STEPS = 15


def steps(keep: bool) -> float:
    """Median seconds of a training step on 128 pictures of 32x32."""
    import torch

    from hubel.networks import create

    if keep and not keep_memory():
        raise SystemExit("this system's memory allocator has no such setting")
    torch.set_num_threads(cores())
    torch.manual_seed(0)
    network = create("resnet14").to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    x = torch.randn(128, 3, 32, 32).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (128,))
    times = []
    for _ in range(STEPS):
        began = time.perf_counter()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - began)
    return statistics.median(times[3:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--one", choices=("kept", "given"), help="used by the benchmark itself")
    asked = parser.parse_args()
    if asked.one:
        print(steps(asked.one == "kept"))
        return
    found: dict[str, list[float]] = {"kept": [], "given": []}
    for _ in range(asked.rounds):
        for name, times in found.items():
            command = [sys.executable, __file__, "--one", name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times.append(float(done.stdout))
    medians = {name: statistics.median(times) for name, times in found.items()}
    ratio = medians["given"] / medians["kept"]
    print(f"step {medians['kept'] * 1000:.0f} ms with memory kept, "
          f"{medians['given'] * 1000:.0f} ms given back: {ratio:.2f} times as fast")  # fmt: skip
    result = {"seconds": found, "ratio": ratio, "machine": environment()}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
