"""A small network of global pooling that knows the embedded digits after some seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Trained:
    net: nn.Module
    pictures: Tensor  # (N, 1, 32, 32) in 0..1: digits that it never saw
    targets: Tensor


def enlarged(images: np.ndarray) -> Tensor:
    return F.interpolate(
        torch.tensor(images / 16)[:, None].float(), scale_factor=4.0, mode="bilinear"
    )


def small() -> nn.Module:
    layers: list[nn.Module] = []
    for c_in, c, stride in ((1, 16, 2), (16, 32, 2), (32, 48, 1), (48, 48, 1)):
        layers += [nn.Conv2d(c_in, c, 3, stride, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 10))


@pytest.fixture(scope="session")
def trained() -> Trained:
    torch.manual_seed(0)
    known = load_digits()
    x, y = enlarged(known.images), torch.tensor(known.target)
    net = small().train()
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3, weight_decay=0.05)
    order = torch.Generator().manual_seed(0)
    for _ in range(6):
        for some in torch.randperm(1400, generator=order).split(64):
            loss = F.cross_entropy(net(x[some]), y[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    with torch.no_grad():
        right = (net(x[1400:]).argmax(1) == y[1400:]).float().mean()
    assert right > 0.9
    return Trained(net, x[1400:], y[1400:])
