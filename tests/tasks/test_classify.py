from __future__ import annotations

import pytest
import torch
from torch import nn

from hubel.data import Loader
from hubel.networks import create
from hubel.pictures import Preprocess
from hubel.tasks.classify import AUX, Classify
from hubel.tasks.losses import cross_entropy

SEEN = Preprocess((64, 64), mean=(0.5,) * 3, std=(0.25,) * 3)


class Four(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return torch.full((3, 64, 64), 60 * i, dtype=torch.uint8), i % 3


def test_auxiliary_heads_are_trained_and_not_scored():
    torch.manual_seed(0)
    task = Classify(("a", "b", "c"), SEEN, cross_entropy)
    network = create("googlenet", classes=3, aux=True).eval()  # eval: no dropout between the two
    model = task.model(network)
    (batch,) = Loader(Four(), batch=4, seed=0).epoch(0)
    found = task.objective(model, batch.pictures, batch.targets)
    outputs = network.outputs(model.normalize(batch.pictures))
    main, *others = (cross_entropy(out, batch.targets) for out in outputs)
    assert len(others) == 2
    assert found.item() == pytest.approx((main + AUX * sum(others)).item())
    found.backward()
    assert all(p.grad is not None for p in network.aux.parameters())


def test_the_scores_are_those_of_the_answers_in_order():
    class Sure(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x):  # answers by the brightness: 0, 1, 2, 0 for four pictures
            level = ((x.mean((1, 2, 3)) + 2) / 4 * 255 / 60).round().long() % 3
            return self.scale * 5 * nn.functional.one_hot(level, 3).float()

    task = Classify(("a", "b", "c"), SEEN, cross_entropy)
    model = task.model(Sure()).train()
    loader = Loader(Four(), batch=3, seed=0, shuffle=False, drop_last=False)
    outcome, scores = task.evaluate(model, loader, ["p0", "p1", "p2", "p3"])
    assert outcome.names == ("p0", "p1", "p2", "p3")
    assert outcome.truths.tolist() == [0, 1, 2, 0]
    assert scores["val_top1"] == 1.0
    assert scores["val_loss"] == pytest.approx(float(outcome.losses.mean()), rel=1e-5)
    assert model.training  # left as it was
