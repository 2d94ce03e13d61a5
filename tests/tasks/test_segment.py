"""Segmentation as a task: its loss, what it learns, its scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from hubel import networks
from hubel.data import Batch, Loader
from hubel.pictures import Preprocess
from hubel.runtime.decode.segment import IGNORED
from hubel.tasks.losses import pixels
from hubel.tasks.segment import Segment

NAMES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)
SEEN = Preprocess((96, 128), fit="squash", mean=(0.45,) * 3, std=(0.25,) * 3)


class Streets:
    """A few pictures of camvid with their maps; class 11 is nobody's."""

    def __init__(self, where: Path, count: int):
        files = sorted((where / "images").iterdir())[:count]
        self.pictures = np.stack([SEEN(file) for file in files])
        self.maps = []
        for file in files:
            found = np.array(Image.open(where / "masks" / f"{file.stem}.png"))
            self.maps.append(np.where(found == 11, IGNORED, found).astype(np.uint8))

    def __len__(self) -> int:
        return len(self.maps)

    def size(self, i: int) -> tuple[int, int]:
        return self.maps[i].shape

    def truth(self, i: int) -> np.ndarray:
        return self.maps[i]

    def batch(self, seed, epoch, indices, augment=()) -> Batch:
        pictures = torch.from_numpy(self.pictures[indices]).permute(0, 3, 1, 2)
        maps = np.stack([SEEN.fitted(self.maps[i], "nearest", IGNORED) for i in indices])
        return Batch(pictures, torch.from_numpy(maps).long(), torch.from_numpy(np.array(indices)))


@pytest.fixture(scope="module")
def streets(data) -> Streets:
    return Streets(data / "camvid" / "train", 3)


def test_the_loss_is_that_of_the_definition():
    logits = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    targets = torch.randint(0, 3, (2, 4, 5))
    targets[0, :2] = IGNORED
    expected = F.cross_entropy(logits, targets, ignore_index=IGNORED)
    assert pixels(logits, targets) == pytest.approx(expected.item())
    weights = (0.5, 2.0, 0.0)
    w = torch.tensor(weights, dtype=torch.float64)
    expected = F.cross_entropy(logits, targets, w, ignore_index=IGNORED)
    assert pixels(logits, targets, weights=weights) == pytest.approx(expected.item())


def test_ignored_pixels_have_no_gradient():
    logits = torch.randn(1, 3, 4, 5, requires_grad=True)
    targets = torch.randint(0, 3, (1, 4, 5))
    targets[0, 1] = IGNORED
    pixels(logits, targets).backward()
    assert not logits.grad[:, :, 1].any()
    assert logits.grad[:, :, 0].all()
    logits.grad = None
    loss = pixels(logits, torch.full((1, 4, 5), IGNORED))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_it_learns_three_streets(streets):
    torch.manual_seed(0)
    task = Segment(NAMES, SEEN, head={"width": 16})
    model = task.model(task.around(networks.create("mobilenetv1_025")))
    assert not hasattr(model.network.backbone.head, "weight")
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    batch = streets.batch(0, 0, range(3))
    for _ in range(45):
        optimizer.zero_grad()
        task.objective(model, batch.pictures, batch.targets).backward()
        optimizer.step()
    loader = Loader(streets, batch=2, seed=0, shuffle=False, drop_last=False)
    outcome, scores = task.evaluate(model.train(), loader, ["a", "b", "c"])
    assert model.training
    assert tuple(scores) == task.scores
    assert scores["val_accuracy"] > 0.9
    assert scores["val_miou"] == outcome.miou > 0.5
    assert 0.3 < scores["val_boundary_f1"] < 1
    assert outcome.confusions.sum() == sum((m != IGNORED).sum() for m in streets.maps)


def test_the_score_is_taken_at_the_original_size(streets):
    """The truth itself, as scores of the network's size, scores less than 1 only at boundaries."""
    task = Segment(NAMES, SEEN)
    counts = []
    for i, truth in enumerate(streets.maps):
        small = torch.from_numpy(SEEN.fitted(truth, "nearest", IGNORED)).long().clamp(max=11)
        scores = F.one_hot(small, 12).permute(2, 0, 1)[:11].float().numpy()
        counts.append(task.judged([scores], streets, i))
    _, (miou, accuracy, boundary) = task.outcome("abc", counts, streets)
    assert accuracy > 0.96
    assert miou > 0.8
    assert boundary > 0.9
