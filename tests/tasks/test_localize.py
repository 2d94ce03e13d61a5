"""Localization as a task: class and box of one object."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from hubel import networks
from hubel.data import Batch, Loader
from hubel.data.objects.shapes import CLASSES, read_shapes
from hubel.pictures import Preprocess
from hubel.runtime.decode.localize import decode
from hubel.tasks.localize import Localize, largest
from hubel.tasks.located import Localized
from tests import contract

SEEN = Preprocess((64, 64), fit="squash", mean=(0.45,) * 3, std=(0.25,) * 3)


class Targets(NamedTuple):
    pictures: torch.Tensor
    boxes: torch.Tensor
    labels: torch.Tensor
    masks: torch.Tensor


class Shapes:
    """Generated scenes and all their objects; the last one has none."""

    def __init__(self, count: int):
        self.scenes = read_shapes(count, 0).parts["train"]
        self.pictures = np.stack([SEEN(scene.picture) for scene in self.scenes])
        self.objects = [scene.objects for scene in self.scenes]
        self.objects[-1] = self.objects[-1].take([])

    def __len__(self) -> int:
        return len(self.scenes)

    def size(self, i: int) -> tuple[int, int]:
        return self.scenes[i].size

    def truth(self, i: int):
        return self.objects[i]

    def batch(self, seed, epoch, indices, augment=()) -> Batch:
        pictures = torch.from_numpy(self.pictures[indices]).permute(0, 3, 1, 2)
        boxes = [SEEN.placement((128, 128)).to_input(self.objects[i].boxes) for i in indices]
        targets = Targets(
            torch.tensor([n for n, own in enumerate(boxes) for _ in own], dtype=torch.int64),
            torch.from_numpy(np.concatenate(boxes)).float(),
            torch.from_numpy(np.concatenate([self.objects[i].labels for i in indices])),
            torch.zeros(0, 0, 0, dtype=torch.uint8),
        )
        return Batch(pictures, targets, torch.from_numpy(np.array(indices)))


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    return Shapes(7)


def made(network: str = "mobilenetv1_025", **head) -> tuple[Localize, torch.nn.Module]:
    torch.manual_seed(0)
    task = Localize(CLASSES, SEEN, head=head)
    return task, task.model(task.around(networks.create(network)))


def test_the_largest_is_meant():
    boxes = torch.tensor([[0, 0, 4, 4], [0, 0, 5, 5], [1, 1, 2, 9], [0, 0, 1, 1]]).float()
    labels = torch.tensor([0, 1, 2, 3])
    targets = Targets(torch.tensor([0, 0, 2, 2]), boxes, labels, boxes)
    assert largest(targets, 4).tolist() == [1, -1, 2, -1]
    none = Targets(labels[:0], boxes[:0], labels[:0], boxes)
    assert largest(none, 2).tolist() == [-1, -1]


@pytest.mark.parametrize("overlap", ["iou", "giou", "diou", "ciou"])
def test_right_boxes_lose_only_the_class(shapes, overlap):
    task = Localize(CLASSES, SEEN, head={"overlap": overlap})
    batch = shapes.batch(0, 0, np.arange(7))
    chosen = largest(batch.targets, 7).clamp(min=0)
    right = batch.targets.boxes[chosen] / 64
    logits = torch.nn.functional.one_hot(batch.targets.labels[chosen], 5) * 100.0
    assert task.criterion((logits, right), batch.targets, (64, 64)) < 1e-4
    assert task.criterion((logits, right * 0.5), batch.targets, (64, 64)) > 1
    empty = shapes.batch(0, 0, np.array([6]))
    logits.requires_grad_()
    loss = task.criterion((logits[:1], right[:1]), empty.targets, (64, 64))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_it_learns_seven_scenes(shapes):
    task, model = made()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    batch = shapes.batch(0, 0, np.arange(7))
    for _ in range(60):
        optimizer.zero_grad()
        task.objective(model, batch.pictures, batch.targets).backward()
        optimizer.step()
    loader = Loader(shapes, batch=3, seed=0, shuffle=False, drop_last=False)
    outcome, scores = task.evaluate(model, loader, [str(i) for i in range(7)])
    assert tuple(scores) == task.scores
    assert scores["val_iou"] == outcome.iou > 0.7
    assert outcome.constant < 0.5 < outcome.iou
    assert scores["val_top1"] == 1
    assert not outcome.has[6]
    assert outcome.worst[-1] == 6
    assert f"{outcome.constant:.2%}" in outcome.score


def test_the_answer_is_in_pixels_of_the_picture():
    letterbox = Preprocess((64, 64), fit="pad")  # a picture of 50 x 100 lies in rows 16 to 48
    found = decode(
        [np.array([0.0, 2.0]), np.array([0.25, 0.5, 0.5, 0.75])], letterbox, (50, 100), 2
    )
    assert found.box.tolist() == [25, 25, 50, 50]
    assert found.label == 1
    assert found.told("ab") == "b 88% at 25, 25 to 50, 50"
    assert found.to_dict("ab") == {"class": "b", "score": 0.8808, "box": [25, 25, 50, 50]}


def test_the_constant_box_is_the_mean():
    sizes = np.array([[100, 200], [100, 200]])
    truths = np.array([[0.0, 0, 100, 100], [100, 0, 200, 100]])
    both = Localized(("a", "b"), sizes, np.array([0, 0]), truths, np.ones((2, 1)), truths)
    assert both.constant == pytest.approx(1 / 3)  # of 50, 0, 150, 100
    assert both.iou == both.top1 == 1


def test_save_and_load(tmp_path):
    truths = np.array([[0.0, 0, 10, 10], [np.nan] * 4])
    one = Localized(
        ("a", "b"), np.full((2, 2), 20), np.array([1, -1]), truths, np.eye(2), truths + 1
    )
    again = Localized.load(one.save(tmp_path / "outcome.npz"))
    assert (again.iou, again.constant, again.names) == (one.iou, 1.0, ("a", "b"))
    assert again.told("xy") == ["y  IoU 68.07%  0.00% right"]
    with pytest.raises(ValueError, match="nothing to score"):
        Localized(("b",), np.full((1, 2), 20), np.array([-1]), truths[1:], np.eye(1), truths[1:])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("lenet5", "resnet18") else pytest.mark.slow)
        for name in contract.smallest()
    ],
)
def test_every_family(name):
    network = networks.create(name)
    side, channels = contract.side(network), network.spec.channels
    task = Localize(("a", "b"), Preprocess((side, side), channels=channels))
    model = task.around(network)
    x = contract.picture(channels, side, side, batch=2).float()
    logits, boxes = model(x)
    assert (logits.shape, boxes.shape) == ((2, 2), (2, 4))
    (logits.square().mean() + boxes.square().mean()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_what_is_refused():
    with pytest.raises(ValueError, match="did you mean"):
        made(overlap="gio")
    with pytest.raises(ValueError, match="option of the head dense"):
        made(depth=3)
