from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image

from hubel.export.bundle import write_bundle
from hubel.networks import create
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess
from tests.export.test_parity import spread

CUTS = {
    "china.jpg": [(0, 427, 0, 640), (20, 420, 300, 450), (200, 241, 100, 153)],
    "flower.jpg": [(100, 215, 100, 411), (50, 427, 200, 400), (0, 30, 0, 28)],
}
"""Photographs, wide, tall and small: rows and columns."""


@pytest.fixture(scope="session")
def photographs() -> list[np.ndarray]:
    """Real ones, uint8 (h, w, 3), each of another size."""
    return [
        np.ascontiguousarray(load_sample_image(name)[top:bottom, left:right])
        for name, cuts in CUTS.items()
        for top, bottom, left, right in cuts
    ]


@pytest.fixture(scope="session")
def photographed(tmp_path_factory, photographs) -> Path:
    """A bundle whose answers differ from photograph to photograph."""
    torch.manual_seed(0)
    preprocess = Preprocess((32, 32), crop=0.875, filter="bicubic", mean=(0.5,) * 3, std=(0.2,) * 3)
    network = create("resnet14", classes=5)
    prepared = torch.from_numpy(np.stack([preprocess(x) for x in photographs])).permute(0, 3, 1, 2)
    spread(network, Normalize(preprocess)(prepared))
    return write_bundle(
        tmp_path_factory.mktemp("made") / "photographed",
        network,
        preprocess=preprocess,
        classes=["ant", "bee", 'a "quoted\\" one', "zwei Käfer", "none"],
        network={"name": "resnet14", "words": {}, "classes": 5, "channels": 3},
        golden=[(f"{i}.png", picture) for i, picture in enumerate(photographs)],
        calibration={"temperature": 1.5, "method": "given"},
        thresholds={"confidence": 0.3, "precision": 0.9},
    )
