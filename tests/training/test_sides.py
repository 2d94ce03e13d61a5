"""Growing pictures: the side is a function of the step, and only of it."""

from __future__ import annotations

import pytest
import torch

from hubel.data import Batch
from hubel.networks import create
from hubel.training.sides import Sides, check_sides, resized, work
from hubel.training.steps import State


def test_the_side_follows_the_step():
    state = State(torch.nn.Identity(), None, (), total=8)
    grow, found = Sides(((0.25, 8), (0.5, 12))), []
    for state.step in range(8):
        batch = Batch(torch.zeros(2, 3, 16, 16, dtype=torch.uint8), torch.zeros(2), torch.arange(2))
        grow(state, batch)
        found.append(batch.pictures.shape[-1])
    assert found == [8, 8, 12, 12, 16, 16, 16, 16]
    assert batch.pictures.dtype == torch.uint8  # at the full side untouched


def test_resizing_keeps_means_and_proportions():
    torch.manual_seed(0)
    pictures = torch.randint(0, 256, (2, 3, 16, 32), dtype=torch.uint8)
    half = resized(pictures, 16)
    assert half.shape == (2, 3, 8, 16)
    assert torch.allclose(half.mean((2, 3)), pictures.float().mean((2, 3)), atol=3)


def test_the_work_that_is_left():
    assert work((), 32) == 1.0
    assert work(((0.5, 16),), 32) == 0.5 * 0.25 + 0.5


def test_networks_of_one_size_are_refused():
    check_sides(create("airbench94", classes=10), ((0.5, 24),), 3)
    with pytest.raises(ValueError, match="pictures of 24x24 do not go through"):
        check_sides(create("lenet5", classes=10, channels=1), ((0.5, 24),), 1)
    with pytest.raises(ValueError, match="pictures of 4x4 do not go through"):
        check_sides(create("airbench94", classes=10), ((0.5, 4),), 3)
