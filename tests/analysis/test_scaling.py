from __future__ import annotations

import pytest

from hubel.analysis.scaling import SINGLE, Factors, grid


def test_every_way_spends_one_doubling():
    ways = grid()
    assert len(ways) == len(set(ways)) == 15
    assert all(way.cost == pytest.approx(2) for way in ways)
    assert all(min(way.depth, way.width, way.size) >= 1 for way in ways)
    for single in SINGLE.values():
        assert any(
            (way.depth, way.width, way.size)
            == pytest.approx((single.depth, single.width, single.size))
            for way in ways
        )


def test_the_papers_factors_lie_next_to_the_grid():
    """Tan, Le 2019, section 4: alpha = 1.2, beta = 1.1, gamma = 1.15."""
    nearest = min(
        grid(), key=lambda f: abs(f.depth - 1.2) + abs(f.width - 1.1) + abs(f.size - 1.15)
    )
    assert nearest == Factors(2**0.25, 2**0.125, 2**0.25)
    assert Factors(1.2, 1.1, 1.15).cost == pytest.approx(1.92, abs=0.01)


def test_powers_multiply_the_cost():
    three = Factors(1.2, 1.1, 1.15) ** 3
    assert three.cost == pytest.approx(Factors(1.2, 1.1, 1.15).cost ** 3)
    assert str(three) == "depth x1.73, width x1.33, size x1.52"
