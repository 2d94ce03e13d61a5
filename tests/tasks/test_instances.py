from __future__ import annotations

import numpy as np
import pytest
import torch

from hubel.data.scenes import Targets
from hubel.networks import create
from hubel.pictures import Preprocess
from hubel.runtime.decode.instances import REACH, decode
from hubel.tasks.conditional import asked, sampled
from hubel.tasks.detected import Instanced
from hubel.tasks.instances import Instances
from tests import contract
from tests.tasks.scened import Shapes, learned


def task(size=(64, 64), channels=3, **head):
    preprocess = Preprocess(size, fit="pad", channels=channels, mean=(0.5,) * channels)
    return Instances(("a", "b", "c"), preprocess, head={"width": 16, "depth": 1, **head})


def targets(size, *rows):
    """(picture, x1, y1, x2, y2, label) each; the masks fill their boxes."""
    values = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    masks = torch.zeros(len(rows), *size, dtype=torch.uint8)
    for mask, (_, x1, y1, x2, y2, _) in zip(masks, rows):
        mask[y1:y2, x1:x2] = 1
    return Targets(values[:, 0].long(), values[:, 1:5], values[:, 5].long(), masks)


def stepped(task, name, size, **words):
    """A training step of a fresh network: its model, after it."""
    torch.manual_seed(0)
    model = task.model(task.around(create(name, **words))).train()
    pictures = torch.randint(0, 256, (2, task.preprocess.channels, *size), dtype=torch.uint8)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    given = targets(size, (0, 3, 3, 30, 25, 1), (1, 9, 2, 15, 8, 0))
    loss = task.objective(model, pictures, given)
    loss.backward()
    assert loss.isfinite()
    without = [key for key, p in model.named_parameters() if p.grad is None]
    assert not without, f"no gradient reaches {without[:3]}"
    assert all(p.grad.isfinite().all() for p in model.parameters())
    optimizer.step()
    return model


def test_eight_scenes_are_learned_by_heart(tmp_path):
    torch.manual_seed(0)
    scenes = Shapes(8, 80)
    preprocess = Preprocess((80, 80), mean=(0.5,) * 3, std=(0.25,) * 3)
    instances = Instances(scenes.classes, preprocess, head={"width": 24, "depth": 1})
    model = instances.model(instances.around(create("resnet18", width=8)))
    outcome, scores = learned(instances, model, scenes, 60)
    assert tuple(scores) == instances.scores
    assert scores["val_map50"] > 0.85
    again = Instanced.load(outcome.save(tmp_path / "outcome.npz"))
    assert again.precision.at_half == scores["val_map50"]
    assert all((a.masks == b.masks).all() for a, b in zip(again.found, outcome.found))
    assert outcome.score.startswith("mask mAP@0.5 ")
    assert len(outcome.mistakes.kinds)


@pytest.mark.parametrize(
    ("name", "size", "stride", "words"),
    [
        ("resnet18", (75, 97), 4, {"width": 8}),
        ("resnet14", (33, 47), 4, {}),
        ("lenet5", (45, 60), 4, {"channels": 3}),  # no padding
    ],
)
def test_outputs_of_strides_paddings_and_sizes(name, size, stride, words):
    model = stepped(task(size), name, size, **words).eval()
    with torch.no_grad():
        boxes, _, classes, coefficients, prototypes = model(torch.zeros(1, 3, *size))
    assert classes.shape == (1, boxes.shape[1], 3)
    assert coefficients.shape == (1, boxes.shape[1], 169)
    backbone = model.get_submodule("network").backbone
    shape = backbone.features(torch.zeros(1, 3, *size))[stride].shape[2:]
    assert prototypes.shape == (1, 10, *shape)
    jump, offset = backbone.grid[stride]
    assert prototypes[0, :2, 1, 2].tolist() == [offset + 0.5 + 2 * jump, offset + 0.5 + jump]


@pytest.mark.slow
@pytest.mark.parametrize("name", contract.smallest())
def test_the_smallest_of_every_family_takes_a_step(name):
    backbone = create(name)
    side = max(contract.side(backbone), 64 if backbone.spec.size > 64 else 0)
    stepped(task((side, side), backbone.spec.channels), name, (side, side))


def test_a_head_without_prototypes_is_refused():
    with pytest.raises(ValueError, match="prototypes=0: at least 1"):
        task(prototypes=0).around(create("lenet5"))


def test_no_object_is_a_target_too():
    instances = task()
    model = stepped(instances, "resnet18", (64, 64), width=8)
    loss = instances.objective(model, torch.zeros(2, 3, 64, 64), targets((64, 64)))
    assert loss.isfinite()
    loss.backward()


def test_training_and_use_ask_for_the_same_masks():
    draws = np.random.default_rng(0)
    outputs = [
        np.array([[10, 12, 37, 30], [-4, 30, 20, 70]], np.float32),
        np.full(2, 5, np.float32),
        np.full((2, 1), 5, np.float32),
        draws.normal(0, 0.5, (2, 169)).astype(np.float32),
        draws.normal(0, 1, (10, 16, 16)).astype(np.float32),
    ]
    stand = 0.5 + 4 * np.arange(16)
    outputs[4][:2] = np.stack(np.meshgrid(stand, stand))
    found = decode(outputs, Preprocess((64, 64)), (64, 64), 1)
    there = np.stack(np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5), 2).reshape(1, -1, 2)
    boxes = torch.tensor(outputs[0])
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    points = torch.tensor(there, dtype=torch.float32).expand(2, -1, -1)
    relative = (points - middle[:, None]) / half[:, None]
    seen = sampled(torch.tensor(outputs[4])[None], torch.zeros(2, dtype=torch.long), points)
    logits = asked(torch.tensor(outputs[3]), relative, seen).numpy()
    near = (relative.abs() < REACH - 0.1).all(-1).numpy() & (np.abs(logits) > 1e-3)
    assert near.sum() > 1000
    assert (found.masks.reshape(2, -1) == (logits > 0))[near].all()
    assert 0.1 < found.masks.reshape(2, -1)[near].mean() < 0.9


def test_the_masks_of_a_picture_and_of_a_batch_are_shown():
    scenes = Shapes(5, 64)
    instances = Instances(scenes.classes, Preprocess((64, 64)))
    shown = instances.truth(scenes, 2)
    assert (shown.masks[0] == scenes.truth(2).masks[0].array()).all()
    batch = scenes.batch(0, 0, np.array([4, 2]))
    assert (instances.target(batch.targets, 1, (64, 64)).masks == shown.masks).all()
