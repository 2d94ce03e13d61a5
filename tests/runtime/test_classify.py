from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hubel.runtime.decode.classify import softmax, top_k

LOGITS = arrays(np.float64, (3, 5), elements=st.floats(-1e4, 1e4))


def test_softmax_of_known_values():
    logits = np.log([[1.0, 2.0, 5.0]])
    np.testing.assert_allclose(softmax(logits), [[0.125, 0.25, 0.625]])
    p = np.sqrt([1.0, 2.0, 5.0])
    np.testing.assert_allclose(softmax(logits, temperature=2.0), [p / p.sum()])


@given(LOGITS, st.floats(0.1, 10))
def test_softmax_is_a_distribution_in_the_order_of_the_logits(logits, temperature):
    p = softmax(logits, temperature)
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    assert (p >= 0).all()
    best = np.take_along_axis(p, logits.argmax(axis=-1)[:, None], axis=-1)
    assert (best[:, 0] == p.max(axis=-1)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_broken_logits_are_no_answer(bad):
    with pytest.raises(ValueError, match="NaN or infinity"):
        softmax(np.array([[0.0, bad]]))


@pytest.mark.parametrize("temperature", [0, -1, np.nan, np.inf])
def test_temperature_is_positive(temperature):
    with pytest.raises(ValueError, match="above 0"):
        softmax(np.zeros((1, 2)), temperature)


def test_top_k():
    p = np.array([[0.1, 0.4, 0.1, 0.4], [0.7, 0.1, 0.1, 0.1]])
    assert top_k(p, 3).tolist() == [[1, 3, 0], [0, 1, 2]]
    assert top_k(p, 9).shape == (2, 4)
    with pytest.raises(ValueError, match="at least 1"):
        top_k(p, 0)
