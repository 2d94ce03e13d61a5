"""Trainings that are killed, against undisturbed ones: the same bits.

    python benchmarks/exactness.py                    (both proofs)
    python benchmarks/exactness.py --only 1           (one process, killed 20 times)
    python benchmarks/exactness.py --only 2           (two processes, of which one is killed once)

The trained recipe has augmentation, mixup, an average of the weights, accumulation and two loader
workers a process; `EVERYTHING` in hubel/verbs/resumption.py says what. Each proof is kept when it
is done.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from hubel.runtime.machine import environment
from hubel.verbs.resumption import EVERYTHING, prove_resumption

RESULT = Path(__file__).parent / "results" / "exactness.json"
PROOFS = {1: {"kills": 20, "workers": 2}, 2: {"kills": 1, "workers": 2}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, choices=PROOFS, help="with so many processes")
    asked = parser.parse_args()
    for processes, words in PROOFS.items():
        if asked.only in (None, processes):
            began = time.monotonic()
            proof = prove_resumption(processes=processes, **words)
            print(proof, flush=True)
            found = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
            found[f"{processes} processes"] = {
                **asdict(proof), "exact": proof.exact, "recipe": EVERYTHING,
                "seconds": round(time.monotonic() - began), "machine": environment(),
            }  # fmt: skip
            RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
