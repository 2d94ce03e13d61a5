"""Test-time views: what is shown, and with which weight."""

from __future__ import annotations

import numpy as np
import pytest

from hubel.tasks.views import VIEWS

PICTURES = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), np.uint8)


@pytest.mark.parametrize("name", VIEWS)
def test_weights_add_up_and_shapes_stay(name):
    seen = VIEWS[name](PICTURES)
    assert sum(weight for _, weight in seen) == 1.0
    assert all(view.shape == PICTURES.shape and view.dtype == np.uint8 for view, _ in seen)


def test_six_views_by_hand():
    seen = VIEWS["mirror-translate"](PICTURES)
    assert [weight for _, weight in seen] == [0.25, 0.25, 0.125, 0.125, 0.125, 0.125]
    plain, mirrored, up, up_mirrored, down, down_mirrored = (view for view, _ in seen)
    assert np.array_equal(plain, PICTURES)
    assert np.array_equal(mirrored, PICTURES[:, :, ::-1])
    # The frame is cut at the top left: the picture stands one lower, its second line reflected.
    assert np.array_equal(up[:, 1:, 1:], PICTURES[:, :-1, :-1])
    assert np.array_equal(up[:, 0, 1:], PICTURES[:, 1, :-1])
    assert np.array_equal(down[:, :-1, :-1], PICTURES[:, 1:, 1:])
    assert np.array_equal(down[:, -1, :-1], PICTURES[:, -2, 1:])
    assert np.array_equal(up_mirrored, up[:, :, ::-1])
    assert np.array_equal(down_mirrored, down[:, :, ::-1])
