"""The answers of a network: scores, and the file they are kept in."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from hubel.tasks.outcome import Outcome

PROBABILITIES = [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]


def outcome(**other) -> Outcome:
    parts = {
        "names": ("a", "b", "c", "d"),
        "truths": [0, 1, 0, 1],
        "probabilities": PROBABILITIES,
        "losses": [0.36, 1.2, 1.6, 0.9],
    }
    return Outcome(**(parts | other))


def test_answers_by_hand():
    made = outcome()
    assert made.predictions.tolist() == [0, 2, 1, 0]  # of two equal ones the first
    assert made.confidences == pytest.approx([0.7, 0.6, 0.5, 0.4])
    assert made.right.tolist() == [True, False, False, False]
    assert [made.top(k) for k in (1, 2, 3)] == [0.25, 0.75, 1.0]
    assert made.top1 == made.right.mean()
    assert made.top5 == 1.0  # three classes only: top-3


def test_kinds_and_shapes():
    made = outcome()
    assert made.truths.dtype == np.int64
    assert made.probabilities.dtype == made.losses.dtype == np.float32
    assert made.probabilities.shape == (4, 3)


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_top_k_as_scikit_learn_has_it(k):
    numbers = np.random.default_rng(k)
    probabilities = numbers.dirichlet(np.ones(10), 500)
    truths = numbers.integers(0, 10, 500)
    made = Outcome(tuple(map(str, range(500))), truths, probabilities, np.zeros(500))
    wanted = top_k_accuracy_score(truths, made.probabilities, k=k, labels=range(10))
    assert made.top(k) == pytest.approx(wanted)


def test_all_classes_equal_is_no_success():
    made = outcome(probabilities=np.full((4, 3), 1 / 3), truths=[0, 1, 2, 2])
    assert [made.top(k) for k in (1, 2, 3)] == [0.25, 0.5, 1.0]


def test_saved_and_loaded(tmp_path):
    names = ("käfer 1.jpg", "\udcff.png", "", "x" * 300)
    made = outcome(names=names)
    path = made.save(tmp_path / "val.npz")
    again = Outcome.load(path)
    assert again.names == names
    for what in ("truths", "probabilities", "losses"):
        assert (getattr(again, what) == getattr(made, what)).all()
        assert getattr(again, what).dtype == getattr(made, what).dtype
    assert [p.name for p in tmp_path.iterdir()] == ["val.npz"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"names": ()}, "0 pictures"),
        ({"truths": [0, 1]}, r"truths of shape \(2,\) for 4 names"),
        ({"losses": np.zeros((4, 1))}, r"losses of shape \(4, 1\)"),
        ({"probabilities": PROBABILITIES[:3]}, r"probabilities of shape \(3, 3\)"),
        ({"probabilities": [[1.0]] * 4}, "classes >= 2"),
        ({"truths": [0, 1, 2, 3]}, "truth 3 among 3 classes"),
        ({"truths": [0, -1, 2, 1]}, "truth -1 among 3 classes"),
        ({"probabilities": np.full((4, 3), np.nan)}, "not a number"),
        ({"probabilities": np.full((4, 3), 1.5)}, "give softmax outputs"),
        ({"losses": [0, np.nan, 0, 0]}, "the loss of 'b' is not a number"),
    ],
)
def test_refused(other, message):
    with pytest.raises(ValueError, match=message):
        outcome(**other)


def test_top_0_is_refused():
    with pytest.raises(ValueError, match="top-0"):
        outcome().top(0)


def test_files_that_are_no_outcome(tmp_path):
    with pytest.raises(ValueError, match=r"none\.npz does not exist"):
        Outcome.load(tmp_path / "none.npz")
    for name, content in (("empty", b""), ("text", b"hello"), ("zip", b"PK\x03\x04" + bytes(40))):
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}.npz is not an outcome"):
            Outcome.load(path)
    np.savez(tmp_path / "other.npz", truths=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz is not an outcome"):
        Outcome.load(tmp_path / "other.npz")
    np.save(tmp_path / "array", np.zeros(3))
    with pytest.raises(ValueError, match=r"array\.npy is not an outcome"):
        Outcome.load(tmp_path / "array.npy")


def test_a_pickle_is_not_run(tmp_path):
    names = np.array(["a", "b", "c", "d"], dtype=object)
    np.savez(tmp_path / "bad.npz", names=names, truths=0, probabilities=0, losses=0)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        Outcome.load(tmp_path / "bad.npz")
