"""Items that come one by one are run together, none is lost, none is held up for nothing."""

from __future__ import annotations

import threading
import time

import pytest

from hubel.serve.batcher import Batcher, Busy
from hubel.serve.limits import Limits


class Engine:
    """Doubles numbers once it may; writes down its batches."""

    def __init__(self) -> None:
        self.free, self.begun = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, items: list[int]) -> list[int]:
        self.begun.set()
        assert self.free.wait(10)
        self.batches.append(items)
        if -1 in items:
            raise ValueError("minus one")
        return [2 * item for item in items]


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def batcher(engine):
    made = Batcher(engine, Limits(batch=4, queue=6, wait=5))
    yield made
    engine.free.set()
    made.close()


def busy(batcher, engine) -> None:
    """Let the engine begin with an item, and nothing else."""
    batcher.submit([0])
    assert engine.begun.wait(10)


def test_a_lone_item_is_not_held_up(batcher, engine):
    engine.free.set()
    begun = time.monotonic()
    (future,) = batcher.submit([3])
    done = future.result(10)
    assert (done.result, done.batch) == (6, 1)
    assert time.monotonic() - begun < 4  # the wait for others would be 5 seconds


def test_what_comes_while_the_engine_works_is_one_batch(batcher, engine):
    busy(batcher, engine)
    futures = [future for item in range(1, 6) for future in batcher.submit([item])]
    assert len(batcher) == 5
    engine.free.set()
    done = [future.result(10) for future in futures]
    assert [one.result for one in done] == [2, 4, 6, 8, 10]
    assert engine.batches == [[0], [1, 2, 3, 4], [5]]
    assert [one.batch for one in done] == [4, 4, 4, 4, 1]
    assert all(one.waited > 0 and one.took >= 0 for one in done)


def test_a_batch_waits_for_what_is_on_its_way(batcher, engine):
    engine.free.set()
    with batcher.coming():
        (first,) = batcher.submit([1])
        time.sleep(0.1)
        assert not first.done()
        (second,) = batcher.submit([2])
    assert (first.result(10).batch, second.result(10).batch) == (2, 2)


def test_it_does_not_wait_longer_than_the_bound(engine):
    engine.free.set()
    batcher = Batcher(engine, Limits(wait=0.05))
    with batcher.coming():
        assert batcher.submit([1])[0].result(10).batch == 1
    batcher.close()


def test_a_full_queue_takes_nothing_more(batcher, engine):
    busy(batcher, engine)
    futures = batcher.submit([1, 2, 3, 4, 5])
    with pytest.raises(Busy):
        batcher.submit([6, 7])
    futures += batcher.submit([6])
    with pytest.raises(Busy):
        batcher.submit([7])
    engine.free.set()
    assert [future.result(10).result for future in futures] == [2, 4, 6, 8, 10, 12]


def test_one_bad_item_does_not_spoil_the_others(batcher, engine):
    busy(batcher, engine)
    good, bad, other = batcher.submit([1, -1, 2])
    engine.free.set()
    assert (good.result(10).result, other.result(10).result) == (2, 4)
    with pytest.raises(ValueError, match="minus one"):
        bad.result(10)


def test_what_nobody_waits_for_is_not_run(batcher, engine):
    busy(batcher, engine)
    gone, kept = batcher.submit([1, 2])
    assert gone.cancel()
    engine.free.set()
    assert kept.result(10).result == 4
    assert engine.batches == [[0], [2]]


def test_closing_answers_what_waits(engine):
    batcher = Batcher(engine, Limits(batch=2))
    futures = batcher.submit([1, 2, 3])
    engine.free.set()
    batcher.close()
    assert [future.result(0).result for future in futures] == [2, 4, 6]
    with pytest.raises(Busy):
        batcher.submit([4])


@pytest.mark.parametrize("words", [{"batch": 0}, {"timeout": -1}, {"wait": -1}])
def test_limits_are_above_nothing(words):
    with pytest.raises(ValueError, match=next(iter(words))):
        Limits(**words)
