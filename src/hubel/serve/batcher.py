"""Requests that come one by one are answered together: the engine is fastest in batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hubel.serve.limits import Limits

T = TypeVar("T")
R = TypeVar("R")


class Busy(Exception):
    """More is waiting than may wait; come back later."""


@dataclass(frozen=True)
class Done(Generic[R]):
    """A result, the seconds it waited for its turn, those that its batch took, and the batch."""

    result: R
    waited: float
    took: float
    batch: int


@dataclass(eq=False)
class _Waiting(Generic[T, R]):
    item: T
    future: Future[Done[R]] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class Batcher(Generic[T, R]):
    """A thread that collects items and runs them together: `run(items) -> results`, in order.

    A batch starts as soon as the engine is free and either it is full, nothing else is on its way
    (`coming`), or its first item has waited for `limits.wait` seconds. So a lone request is never
    held up. What `run` raises is given to the one item of a batch; of several, each is run by
    itself then, so that one cannot spoil the others.
    """

    def __init__(self, run: Callable[[list[T]], Sequence[R]], limits: Limits, name: str = ""):
        self._run, self._limits = run, limits
        self._queue: deque[_Waiting[T, R]] = deque()
        self._changed = threading.Condition()
        self._coming, self._closed = 0, False
        self._thread = threading.Thread(target=self._work, name=f"batcher {name}", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Items that wait."""
        return len(self._queue)

    @contextmanager
    def coming(self, items: int = 1) -> Iterator[None]:
        """Within it, the next batch waits for items that will be submitted from here."""
        with self._changed:
            self._coming += items
        try:
            yield
        finally:
            with self._changed:
                self._coming -= items
                self._changed.notify()

    def submit(self, items: Sequence[T]) -> list[Future[Done[R]]]:
        """Futures of all items. Busy, and none is taken, where not all of them may wait."""
        waiting = [_Waiting[T, R](item) for item in items]
        with self._changed:
            if self._closed or len(self._queue) + len(waiting) > self._limits.queue:
                raise Busy
            self._queue.extend(waiting)
            self._changed.notify()
        return [one.future for one in waiting]

    def close(self) -> None:
        """Answer what waits, take nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next():
            # Whoever asked may have gone meanwhile.
            asked = [one for one in batch if one.future.set_running_or_notify_cancel()]
            if asked:
                self._answer(asked)

    def _next(self) -> list[_Waiting[T, R]]:
        """The next batch; nothing once the batcher is closed and its queue is empty."""
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            size = self._limits.batch
            while self._queue and len(self._queue) < size and self._coming and not self._closed:
                left = self._queue[0].since + self._limits.wait - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return [self._queue.popleft() for _ in range(min(size, len(self._queue)))]

    def _answer(self, batch: list[_Waiting[T, R]]) -> None:
        begun = time.monotonic()
        try:
            results = self._run([one.item for one in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
            else:
                for one in batch:
                    self._answer([one])
            return
        took = time.monotonic() - begun
        for one, result in zip(batch, results):
            one.future.set_result(Done(result, begun - one.since, took, len(batch)))
