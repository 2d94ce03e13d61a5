from __future__ import annotations

import pytest
import torch

from hubel.tasks.necks import Pyramid, like


@pytest.mark.parametrize(
    "sizes",
    [
        {8: (12, 16), 16: (6, 8), 32: (3, 4)},
        {2: (31, 17), 4: (15, 8), 8: (5, 2)},  # odd, and without padding
        {4: (9, 9), 16: (2, 3)},
        {32: (7, 7)},
    ],
)
def test_maps_keep_their_sizes(sizes):
    neck = Pyramid({s: 3 * s for s in sizes}, 8).eval()
    features = {s: torch.randn(2, 3 * s, *size) for s, size in sizes.items()}
    maps = neck(features)
    assert list(maps) == list(sizes)
    assert {s: tuple(x.shape) for s, x in maps.items()} == {
        s: (2, 8, *size) for s, size in sizes.items()
    }


def test_the_last_three_strides_are_used():
    assert Pyramid({1: 4, 2: 4, 4: 4, 8: 4}, 8).strides == (2, 4, 8)


@pytest.mark.parametrize("changed", [8, 16, 32])
def test_every_map_hears_of_every_other(changed):
    torch.manual_seed(0)
    neck = Pyramid({8: 4, 16: 4, 32: 4}, 8).eval()
    features = {s: torch.randn(1, 4, 64 // s, 64 // s) for s in (8, 16, 32)}
    other = {**features, changed: features[changed] + 1}
    with torch.no_grad():
        before, after = neck(features), neck(other)
    assert all(not torch.allclose(before[s], after[s], atol=1e-4) for s in (8, 16, 32))


def test_resizing_takes_the_nearest_cells():
    x = torch.arange(3.0).view(1, 1, 1, 3)
    assert like(x, torch.zeros(1, 1, 1, 6)).flatten().tolist() == [0, 0, 1, 1, 2, 2]
    assert like(x, torch.zeros(1, 1, 1, 3)) is x
