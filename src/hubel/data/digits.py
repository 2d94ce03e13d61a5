"""The data set that is always there: 1,797 handwritten digits that scikit-learn brings along."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from hubel.data.layout import WHOLE, Layout, Part


def read_digits() -> Layout:
    """Real digits of 43 people, 8 x 8 pixels of 17 greys (Alpaydin and Kaynak, 1998).

    The packaged file is read directly: importing scikit-learn's data sets costs a second.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise ValueError("the digits come with scikit-learn; pip install 'hubel[train]'")
    file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(file, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    pixels = np.rint(table[:, :64] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    part = Part(
        names=[f"digit-{number:04}" for number in range(len(table))],
        labels=[str(label) for label in table[:, 64]],
        pictures=list(pixels),
        files=[file],
    )
    return Layout("digits", {WHOLE: part}, licence="CC-BY-4.0")
