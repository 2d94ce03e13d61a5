from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, ttest_ind

from hubel.analysis.compare import Entry, front, holm, interval, mcnemar, pair, pairs, welch


def answers(draws, pictures, only_first, only_second, both=0.85):
    """bool (1, N) twice: shares of pictures that only one, or both, answer right."""
    lot = draws.random(pictures)
    first = lot < both + only_first
    second = (lot < both) | ((lot >= both + only_first) & (lot < both + only_first + only_second))
    return first[None], second[None]


def test_equal_classifiers_are_rarely_called_different():
    draws = np.random.default_rng(0)
    said = [
        pair(Entry("a", a), Entry("b", b)).real
        for a, b in (answers(draws, 2000, 0.05, 0.05) for _ in range(1000))
    ]
    assert 30 <= sum(said) <= 70


def test_a_point_on_ten_thousand_pictures_is_found():
    draws = np.random.default_rng(1)
    found = [
        pair(Entry("a", a), Entry("b", b)).real
        for a, b in (answers(draws, 10_000, 0.055, 0.045) for _ in range(200))
    ]
    assert sum(found) >= 160


def test_the_interval_holds_the_true_difference():
    draws = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        a, b = answers(draws, 3000, 0.06, 0.04)
        found = pair(Entry("a", a), Entry("b", b))
        held += found.low <= 0.02 <= found.high
    assert 180 <= held <= 199


def test_mcnemar_is_the_mid_p_of_the_binomial():
    for b, c in ((0, 0), (0, 1), (3, 12), (12, 3), (7, 7), (40, 70)):
        n, k = b + c, min(b, c)
        exact = 2 * binom.cdf(k, n, 0.5) - binom.pmf(k, n, 0.5) if n else 1.0
        assert mcnemar(b, c) == pytest.approx(min(1.0, exact), rel=1e-9)


def test_welch_is_the_test_that_statistics_knows():
    draws = np.random.default_rng(3)
    for n, m in ((2, 2), (3, 5), (8, 4)):
        a, b = draws.normal(0.9, 0.01, n), draws.normal(0.92, 0.03, m)
        assert welch(a, b) == pytest.approx(ttest_ind(a, b, equal_var=False).pvalue, rel=1e-9)
    assert np.isnan(welch(np.array([0.9]), np.array([0.8, 0.9])))
    same = np.array([0.5, 0.5])
    assert (welch(same, same), welch(same, same + 0.1)) == (1.0, 0.0)


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, float("nan"), 0.9])[0] == 1.0


def test_many_equal_entries_are_corrected_for_their_number():
    draws = np.random.default_rng(4)
    families = 0
    for _ in range(150):
        base = draws.random(500) < 0.8
        entries = [
            Entry(str(k), np.where(draws.random(500) < 0.2, draws.random(500) < 0.8, base)[None])
            for k in range(5)
        ]
        families += any(p.real for p in pairs(entries))
    assert families <= 15  # ten comparisons each; without the correction about a third of them


def test_one_lucky_seed_is_not_enough():
    draws = np.random.default_rng(5)
    hard = draws.random(4000) < 0.1

    def run(rate):
        return ~hard | (draws.random(4000) < rate)

    # The same recipe, whose seeds spread: single runs differ, the recipes do not.
    a = Entry("a", np.stack([run(0.9), run(0.3), run(0.6)]))
    b = Entry("b", np.stack([run(0.7), run(0.2), run(0.5)]))
    assert pair(Entry("a", a.right[:1]), Entry("b", b.right[1:2])).real
    assert not pair(a, b).real
    assert "No difference is shown" in str(pair(a, b))


def test_the_verdict_names_the_better_and_what_is_missing():
    draws = np.random.default_rng(6)
    a, b = answers(draws, 5000, 0.02, 0.08)
    said = str(pair(Entry("old", a), Entry("new", b)))
    assert said.startswith("These two networks differ: new is better than old by ")
    assert "One seed says little" in said
    three = np.repeat(a, 3, 0), np.repeat(b, 3, 0)
    for k, right in enumerate((*three[0], *three[1])):
        right[k * 10 : k * 10 + 10] ^= True  # the seeds differ a little
    assert str(pair(Entry("old", three[0]), Entry("new", three[1]))).startswith(
        "The difference is real: new is better than old by "
    )


def test_resampling_a_constant_gives_the_constant():
    assert interval(np.full(50, 0.25)) == (0.25, 0.25)


def test_the_front_is_what_no_other_beats():
    assert front([(3, 0.9), (1, 0.5), (2, 0.5), (2, 0.8), (4, 0.85)]) == [1, 3, 0]
