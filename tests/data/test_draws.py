"""Numbers by address: uniform, independent, and the same in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubel.data.draws import draws, order

SEEDS = st.integers(-(2**63), 2**64)


@given(SEEDS, st.integers(0, 10**6), st.lists(st.integers(0, 2**40), min_size=1, max_size=8))
def test_each_row_depends_on_its_own_index_alone(seed, epoch, indices):
    together = draws(seed, epoch, np.array(indices), 5)
    for row, index in zip(together, indices):
        np.testing.assert_array_equal(draws(seed, epoch, np.array([index]), 5)[0], row)
        np.testing.assert_array_equal(draws(seed, epoch, np.array([index]), 2)[0], row[:2])


def test_the_values_never_change():
    """Stored numbers: another release of NumPy, or another machine, must give the same runs."""
    numbers = [float(x).hex() for x in draws(7, 3, np.array([0, 59_999]), 2).ravel()]
    assert numbers == [
        "0x1.f2014d35e9354p-3",
        "0x1.0f8820dbcbc48p-4",
        "0x1.0db8465191590p-1",
        "0x1.f74e79ff17b4dp-1",
    ]
    assert order(7, 3, 8).tolist() == [3, 5, 4, 2, 6, 1, 0, 7]


@pytest.mark.parametrize("axis", ["seed", "epoch", "index", "draw"])
def test_uniform_and_unrelated_along_every_axis(axis):
    count = 20_000
    if axis == "index":
        u = draws(1, 2, np.arange(count), 1)[:, 0]
    elif axis == "draw":
        u = draws(1, 2, np.array([3]), count)[0]
    elif axis == "epoch":
        u = np.array([draws(1, epoch, np.array([3]), 1)[0, 0] for epoch in range(count)])
    else:
        u = np.array([draws(seed, 2, np.array([3]), 1)[0, 0] for seed in range(count)])
    assert u.min() >= 0
    assert u.max() < 1
    counts = np.histogram(u, bins=20, range=(0, 1))[0]
    chi2 = ((counts - count / 20) ** 2 / (count / 20)).sum()
    assert chi2 < 50  # 19 degrees of freedom: above 50 once in 7000
    for lag in (1, 2, 3, 7):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 4 / np.sqrt(count)


@given(SEEDS, st.integers(0, 1000), st.integers(1, 300))
def test_an_order_is_a_permutation(seed, epoch, length):
    assert sorted(order(seed, epoch, length)) == list(range(length))


def test_orders_differ_by_seed_and_epoch():
    orders = {tuple(order(seed, epoch, 50)) for seed in range(10) for epoch in range(10)}
    assert len(orders) == 100


def test_an_order_is_not_what_augmentation_draws():
    u = draws(0, 0, np.arange(1000), 1)[:, 0]
    assert abs(np.corrcoef(np.argsort(order(0, 0, 1000)), u)[0, 1]) < 0.15
