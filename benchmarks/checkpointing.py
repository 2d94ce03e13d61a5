"""What activation checkpointing saves: python benchmarks/checkpointing.py [--batch 16].

Two training steps of DenseNet-201 at 224x224, plain and with recomputed activations, each in a
process of its own whose peak memory the system tells. The second step's gradients and the running
statistics after both are compared tensor by tensor. The figures go to
benchmarks/results/checkpointing.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hubel.runtime.machine import environment

RESULT = Path(__file__).parent / "results" / "checkpointing.json"


def steps(network: str, batch: int, size: int, recompute: bool, file: Path) -> dict[str, float]:
    """Two steps of SGD; the tensors go to the file. Processor seconds of the last, peak MiB."""
    import torch

    from hubel.data import Batch
    from hubel.networks import create
    from hubel.pictures import Preprocess
    from hubel.tasks.classify import Classify
    from hubel.tasks.losses import cross_entropy
    from hubel.training.steps import Gradients, State, Update

    torch.set_num_threads(1)
    torch.manual_seed(0)
    preprocess = Preprocess((size, size), mean=(0.5,) * 3, std=(0.25,) * 3)
    task = Classify(tuple("abcdefghij"), preprocess, cross_entropy)
    model = task.model(create(network, classes=10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    gradients, update = Gradients(task.objective, recompute=recompute), Update()
    state = State(model, optimizer, (gradients, update), total=2)
    before = peak()
    for step in range(2):
        pictures = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
        targets, began = torch.randint(0, 10, (batch,)), time.process_time()
        drawn = Batch(pictures, targets, targets)
        gradients(state, drawn)
        if step == 1:
            grads = {f"gradient {n}": p.grad for n, p in model.named_parameters()}
            torch.save(grads | dict(model.named_buffers()), file)
        update(state, drawn)
        seconds = time.process_time() - began
    found = {"seconds": seconds, "peak_mib": peak(), "before_mib": before}
    return found


def peak() -> float:
    """Largest resident memory of this process so far, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def difference(one: Path, other: Path) -> dict[str, float]:
    """The largest difference of a gradient, relative to its largest value, and of a statistic."""
    import torch

    a, b = torch.load(one), torch.load(other)
    found = {"gradients": 0.0, "statistics": 0.0}
    for name, x in a.items():
        kind = "gradients" if name.startswith("gradient ") else "statistics"
        apart = (x.double() - b[name].double()).abs().max()
        found[kind] = max(found[kind], float(apart / x.double().abs().max().clamp_min(1e-30)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="densenet201")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FILE"), help="used by the benchmark")
    asked = parser.parse_args()
    if asked.one:
        way, file = asked.one
        again = way == "recomputed"
        print(json.dumps(steps(asked.network, asked.batch, asked.size, again, Path(file))))
        return
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {way: Path(folder) / f"{way}.pt" for way in ("plain", "recomputed")}
        for way, file in files.items():
            command = [sys.executable, __file__, "--network", asked.network]
            command += ["--batch", str(asked.batch), "--size", str(asked.size)]
            command += ["--one", way, str(file)]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            found[way] = json.loads(done.stdout)
            print(f"{way}: {found[way]['peak_mib']:,.0f} MiB, {found[way]['seconds']:.1f} s a step")
        found["differences"] = difference(*files.values())
    ratio = found["recomputed"]["peak_mib"] / found["plain"]["peak_mib"]
    what = {"network": asked.network, "batch": asked.batch, "size": asked.size}
    print(f"peak memory {ratio:.2f} of the plain one's; largest differences {found['differences']}")
    result = {**what, **found, "ratio": ratio, "machine": environment()}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
