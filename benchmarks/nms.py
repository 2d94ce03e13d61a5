"""Non-maximum suppression of 10,000 boxes beside the straightforward loops.

    python benchmarks/nms.py

Two pictures of 640 x 640: boxes anywhere, and boxes around 100 objects, as detectors say them; of
80 classes each, once until 300 are kept and once to the end. The loop in Python looks at one pair
after the other; the loop in numpy holds each kept box against all that are left. All three have to
keep the same boxes. Writes benchmarks/results/nms.json: medians of 5 rounds of the
process's own time in one thread, in which a machine's other guests do not count.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import numpy as np

from hubel.runtime.decode.boxes import areas, suppress
from hubel.runtime.machine import environment

BOXES, CLASSES, LIMIT, ROUNDS = 10_000, 80, 0.6, 5
RESULT = Path(__file__).parent / "results" / "nms.json"


def scene(around: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (n, 4), scores (n,) and labels (n,)."""
    draws = np.random.default_rng(0)
    count = 100 if around else BOXES
    corner = draws.uniform(0, 560, (count, 2))
    boxes = np.concatenate([corner, corner + draws.uniform(10, 80, (count, 2))], axis=1)
    labels = draws.integers(0, CLASSES, count)
    if around:
        of = draws.integers(0, count, BOXES)
        boxes, labels = boxes[of] + draws.normal(0, 3, (BOXES, 4)), labels[of]
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)  # none is turned inside out
    return boxes, draws.random(BOXES), labels


def in_python(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, most: int) -> list[int]:
    """One pair after the other."""
    rows, classes = boxes.tolist(), labels.tolist()
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        x1, y1, x2, y2 = rows[i]
        for j in kept:
            if classes[i] != classes[j]:
                continue
            a1, b1, a2, b2 = rows[j]
            wide, tall = min(x2, a2) - max(x1, a1), min(y2, b2) - max(y1, b1)
            both = max(wide, 0.0) * max(tall, 0.0)
            if both > LIMIT * ((x2 - x1) * (y2 - y1) + (a2 - a1) * (b2 - b1) - both):
                break
        else:
            kept.append(i)
            if len(kept) == most:
                break
    return kept


def in_numpy(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, most: int) -> list[int]:
    """Each kept box against all that are left."""
    size, left = areas(boxes), np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:], boxes[left, 2:])
        both = np.maximum(high - low, 0).prod(axis=1)
        covered = both > LIMIT * (size[best] + size[left] - both)
        left = left[~(covered & (labels[left] == labels[best]))]
    return kept


WAYS = {
    "python": in_python,
    "numpy": in_numpy,
    "hubel": lambda *scene: suppress(*scene[:3], limit=LIMIT, most=scene[3]).tolist(),
}


def main() -> None:
    rows = []
    for where in ("anywhere", "around 100 objects"):
        boxes = scene(where != "anywhere")
        for most in (300, BOXES):
            row: dict[str, object] = {"boxes": where, "most": most}
            kept = []
            for name, way in WAYS.items():
                times = []
                for _ in range(ROUNDS):
                    start = time.process_time()
                    found = way(*boxes, most)
                    times.append(1e3 * (time.process_time() - start))
                row[f"{name}_ms"] = round(statistics.median(times), 2)
                kept.append(found)
            if kept[0] != kept[1] or kept[1] != kept[2]:
                raise SystemExit("the three ways keep different boxes")
            rows.append({**row, "kept": len(found)})
            print(rows[-1])
    result = {"boxes": BOXES, "classes": CLASSES, "limit": LIMIT, "rows": rows}
    RESULT.write_text(json.dumps({**result, "environment": environment()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
