from __future__ import annotations

import numpy as np
import pytest
import torch

from hubel import networks
from hubel.data.scenes import Targets
from hubel.networks import Network, Spec, create
from hubel.pictures import Preprocess
from hubel.tasks.detect import Detect
from tests import contract
from tests.tasks.scened import Shapes, learned


def task(size=(64, 64), channels=3, **head):
    preprocess = Preprocess(size, fit="pad", channels=channels, mean=(0.5,) * channels)
    return Detect(("a", "b", "c"), preprocess, head={"width": 16, "depth": 1, **head})


def targets(*rows):
    """(picture, x1, y1, x2, y2, label) each."""
    values = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    empty = torch.zeros(0, 0, 0, dtype=torch.uint8)
    return Targets(values[:, 0].long(), values[:, 1:5], values[:, 5].long(), empty)


def stepped(task, name, size, **words):
    """A training step of a fresh network: its model, after it."""
    torch.manual_seed(0)
    backbone = create(name, **words)
    model = task.model(task.around(backbone)).train()
    pictures = torch.randint(0, 256, (2, task.preprocess.channels, *size), dtype=torch.uint8)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    loss = task.objective(model, pictures, targets((0, 3, 3, 30, 25, 1), (1, 9, 2, 15, 8, 0)))
    loss.backward()
    assert loss.isfinite()
    without = [key for key, p in model.named_parameters() if p.grad is None]
    assert not without, f"no gradient reaches {without[:3]}"
    assert all(p.grad.isfinite().all() for p in model.parameters())
    optimizer.step()
    return model


@pytest.mark.parametrize(
    ("name", "size", "strides", "words"),
    [
        ("resnet18", (64, 64), (8, 16, 32), {"width": 8}),
        ("resnet18", (75, 97), (8, 16, 32), {"width": 8}),
        ("resnet18", (64, 64), (2, 4, 8), {"width": 8, "dilate": 8}),
        ("resnet14", (33, 47), (1, 2, 4), {}),
        ("lenet5", (45, 60), (1, 2, 4), {"channels": 3}),  # no padding
    ],
)
def test_strides_paddings_and_sizes(name, size, strides, words):
    model = stepped(task(size), name, size, **words).eval()
    detector = model.get_submodule("network")
    assert detector.neck.strides == strides
    with torch.no_grad():
        boxes, objectness, classes = model(torch.zeros(1, 3, *size))
    features = detector.backbone.features(torch.zeros(1, 3, *size))
    cells = sum(features[s].shape[2] * features[s].shape[3] for s in strides)
    assert boxes.shape == (1, cells, 4)
    assert objectness.shape == (1, cells)
    assert classes.shape == (1, cells, 3)


def test_a_network_of_one_stride():
    from hubel.blocks import Classifier, ConvNorm
    from hubel.networks import row

    torch.manual_seed(0)
    spec = Spec((row(ConvNorm, 8, kernel=3, stride=4),), (), (row(Classifier, 3),), size=32)
    detect = task()
    model = detect.model(detect.around(Network(spec)))
    assert model(torch.zeros(2, 3, 64, 64))[0].shape == (2, 16 * 16, 4)
    detect.objective(model, torch.zeros(2, 3, 64, 64), targets((0, 1, 1, 9, 9, 2))).backward()


@pytest.mark.parametrize(
    ("name", "stride", "first"),
    [("lenet5", 4, 16.0), ("resnet18", 8, 0.5)],  # the middle of 0..31; padding all around
)
def test_cells_stand_where_the_account_says(name, stride, first):
    torch.manual_seed(0)
    detector = task().around(create(name, channels=3))
    boxes = detector._boxes(stride, 2, 3, torch.zeros(1, 4, 6))[0]
    middles = [[first + j * stride, first + i * stride] for i in range(2) for j in range(3)]
    assert ((boxes[:, :2] + boxes[:, 2:]) / 2).tolist() == middles
    assert (boxes[:, 2:] - boxes[:, :2] == 5 * stride).all()


SMALLEST = contract.smallest()


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in SMALLEST else pytest.mark.slow) for n in networks.names()],
)
def test_every_network_takes_a_step(name):
    backbone = create(name)
    side = max(contract.side(backbone), 64 if backbone.spec.size > 64 else 0)
    stepped(task((side, side), backbone.spec.channels), name, (side, side))


def test_no_object_is_a_target_too():
    detect = task()
    model = stepped(detect, "resnet18", (64, 64), width=8)
    loss = detect.objective(model, torch.zeros(2, 3, 64, 64), targets())
    assert loss.isfinite()
    assert loss > 0


def test_what_is_no_network_and_unknown_heads_are_refused():
    with pytest.raises(ValueError, match="Linear under the task detect: it is for networks"):
        task().around(torch.nn.Linear(3, 3))
    with pytest.raises(ValueError, match="unknown option of the head pyramid 'widht'"):
        task(widht=3).around(create("lenet5"))
    with pytest.raises(ValueError, match="unknown head 'pyramids'; did you mean 'pyramid'"):
        task(name="pyramids").around(create("lenet5"))


def test_eight_scenes_are_learned_by_heart():
    torch.manual_seed(0)
    scenes = Shapes(8, 48)
    preprocess = Preprocess((48, 48), mean=(0.5,) * 3, std=(0.25,) * 3)
    detect = Detect(scenes.classes, preprocess, head={"width": 24, "depth": 1})
    model = detect.model(detect.around(create("resnet14", width=8)))
    outcome, scores = learned(detect, model, scenes, 50)
    assert tuple(scores) == detect.scores
    assert scores["val_map50"] > 0.9
    assert outcome.precision.at_half == scores["val_map50"]
    assert model.training
    assert outcome.mistakes.curve().f1.max() > 0.9
    assert detect.thresholds(outcome) == {"least": round(outcome.threshold, 4)}
    assert 0.01 < outcome.threshold < 1


def test_answers_are_those_of_each_picture_in_its_own_pixels():
    scenes = Shapes(5, 64)
    detect = Detect(scenes.classes, Preprocess((64, 64)), head={"width": 16})
    shown = detect.truth(scenes, 2)
    assert np.array_equal(shown.boxes, scenes.truth(2).boxes)
    batch = scenes.batch(0, 0, np.array([4, 2]))
    assert np.array_equal(detect.target(batch.targets, 1, (64, 64)).boxes, shown.boxes)


def test_broken_networks_are_told_from_bad_ones():
    from hubel.tasks.outcome import NotNumbers

    outputs = [np.full((9, 4), np.nan), np.zeros(9), np.zeros((9, 3))]
    with pytest.raises(NotNumbers, match="the network is broken"):
        task().judged(outputs, Shapes(1, 64), 0)


def test_regions_to_ignore_ask_for_nothing_but_objects():
    draws = torch.Generator().manual_seed(0)
    middles = torch.rand(2, 50, 2, generator=draws) * 64
    boxes = torch.cat([middles - 4, middles + 4], -1)
    logits = [torch.randn(2, 50, *rest, generator=draws) for rest in ((), (3,))]
    given = targets((0, 3, 3, 30, 25, 1), (1, 9, 2, 15, 8, 0))
    region = torch.tensor([[1.0, 0, 0, 32, 64]])

    def gradient(ignored):
        objectness = logits[0].clone().requires_grad_()
        outputs = (boxes, objectness, logits[1])
        detect = task()
        assigned = detect.assigned(outputs, given)
        detect.told(outputs, given._replace(ignored=ignored), assigned).backward()
        taken = torch.zeros(2, 50, dtype=torch.bool)
        taken[assigned.pictures, assigned.cells] = True
        return objectness.grad, taken

    before, taken = gradient(region[:0])
    after, _ = gradient(region)
    left = torch.zeros(2, 50, dtype=torch.bool)
    left[1] = middles[1, :, 0] < 32
    assert (left & taken).any()
    silent = left & ~taken
    assert 15 < silent.sum() < 35
    assert (before != 0).all()
    assert (after[silent] == 0).all()
    assert torch.equal(after[~silent], before[~silent])
