from __future__ import annotations

import pytest

from hubel.runtime.names import bound
from hubel.training.schedules import SCHEDULES, constant, cosine, stairs, table, triangle


def test_cosine_rises_then_falls_to_its_floor():
    assert cosine(0.0) == 1.0
    assert cosine(0.05, warmup=0.1) == pytest.approx(0.5)
    assert cosine(0.55, warmup=0.1) == pytest.approx(0.5)
    assert cosine(1.0, floor=0.1) == pytest.approx(0.1)


def test_triangle_peaks_where_it_is_told():
    assert triangle(0.0, start=0.2) == pytest.approx(0.2)
    assert triangle(0.2, peak=0.2) == 1.0
    assert triangle(0.6, peak=0.2) == pytest.approx(0.5)
    assert triangle(1.0, peak=0.2, floor=0.07) == pytest.approx(0.07)


def test_stairs_divide_at_half_and_three_quarters_as_in_2015():
    assert [stairs(t) for t in (0.0, 0.49, 0.5, 0.74, 0.75, 0.99)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )


def test_table_is_lenets_schedule():
    until = (0.1, 0.25, 0.4, 0.6, 1.0)
    factors = (1.0, 0.4, 0.2, 0.1, 0.02)
    assert [table(t, until=until, factors=factors) for t in (0, 0.1, 0.3, 0.5, 0.9, 1.0)] == [
        1.0, 0.4, 0.2, 0.1, 0.02, 0.02,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="2 times and 1 factors"):
        table(0.5, until=(0.5, 1.0), factors=(1.0,))


def test_constant():
    assert constant(0.3) == 1.0


def test_a_schedule_by_name_with_a_wrong_option_names_the_nearest():
    assert bound("schedule", SCHEDULES, {"name": "triangle", "peak": 0.5})(0.25) == 0.5
    with pytest.raises(ValueError, match=r"unknown schedule 'cosin'.*cosine"):
        bound("schedule", SCHEDULES, {"name": "cosin"})
    with pytest.raises(ValueError, match=r"option of the schedule cosine 'warmupp'.*warmup"):
        bound("schedule", SCHEDULES, {"name": "cosine", "warmupp": 1})
    with pytest.raises(ValueError, match="needs the option 'until'"):
        bound("schedule", SCHEDULES, {"name": "table"})
