"""Small bundles of the tasks whose answers lie in the picture, with weights by chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hubel.data.objects.shapes import read_shapes
from hubel.export.bundle import write_bundle
from hubel.pictures import Preprocess
from hubel.tasks.catalogue import TASKS
from tests.serve.conftest import png

CLASSES = ("disc", "ring", "square")
HEADS = {
    "detect": {"width": 16, "depth": 1},
    "segment": {},
    "localize": {},
    "upscale": {"scale": 2},
}


def scene(i: int = 0) -> np.ndarray:
    """A generated picture, uint8 (128, 128, 3)."""
    return read_shapes(2, 0, 128, 0).parts["train"][i].picture


def made(folder: Path, task: str) -> Path:
    """A bundle; its answers make no sense, but there are some for every picture."""
    torch.manual_seed(0)
    enlarges = task == "upscale"
    classes = ("red", "green", "blue") if enlarges else CLASSES
    words = {"width": 8} if enlarges else {}
    name = "espcn" if enlarges else "resnet14"
    preprocess = Preprocess((64, 64), fit="squash" if enlarges else "pad", channels=3)
    doing = TASKS[task](classes, preprocess, head=HEADS[task])
    module = doing.around(doing.network(name, **words))
    facts = {"name": name, "words": words, "classes": 3, "channels": 3, "head": HEADS[task]}
    return write_bundle(
        folder / f"{task}-shapes",
        module.eval(),
        preprocess=preprocess,
        classes=classes,
        network=facts,
        golden=[("scene.png", scene())],
        thresholds={"detect": {"least": 0.002}, "upscale": {"margin": 8}}.get(task),
        task=task,
    )


def file(i: int = 0) -> bytes:
    """A scene as a PNG file, wider than tall."""
    return png(scene(i)[:96])
