"""Requests that come one by one are answered together: the engine is fastest in batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

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
class _Waiting(Generic[T]):
    item: T
    future: Any
    since: float = field(default_factory=time.monotonic)


Settled = list[tuple[Any, Any]]
"""Futures, each with the `Done` or the exception that it gets."""


def settle(found: Settled) -> None:
    """Give the futures what they wait for, but for those of which nobody waits any more."""
    for future, result in found:
        if future.cancelled():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


class Batcher(Generic[T, R]):
    """A thread that collects items and runs them together: `run(items) -> results`, in order.

    A batch starts as soon as the engine is free and either it is full, nothing else is on its way
    (`coming`), or its first item has waited for `limits.wait` seconds. So a lone request is never
    held up. What `run` raises is given to the one item of a batch; of several, each is run by
    itself then, so that one cannot spoil the others. `deliver` gets all of a batch at once, in
    the batcher's thread.
    """

    def __init__(
        self,
        run: Callable[[list[T]], Sequence[R]],
        limits: Limits,
        name: str = "",
        deliver: Callable[[Settled], object] = settle,
    ):
        self._run, self._limits, self._deliver = run, limits, deliver
        self._queue: deque[_Waiting[T]] = deque()
        self._running: set[Any] = set()
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

    def submit(self, items: Sequence[T], make: Callable[[], Any] = Future) -> list[Any]:
        """Futures of all items, of the kind that `make` makes: they get a `Done` each, or what
        `run` raised. Busy, and none is taken, where not all of them may wait.
        """
        waiting = [_Waiting(item, make()) for item in items]
        with self._changed:
            if self._closed or len(self._queue) + len(waiting) > self._limits.queue:
                raise Busy
            self._queue.extend(waiting)
            self._changed.notify()
        return [one.future for one in waiting]

    def runs(self, futures: Iterable[Any]) -> bool:
        """Whether the engine works on any of these at this moment."""
        return not self._running.isdisjoint(futures)

    def close(self) -> None:
        """Answer what waits, take nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next():
            # Whoever asked may have gone meanwhile.
            asked = [one for one in batch if not one.future.cancelled()]
            if asked:
                self._running = {one.future for one in asked}
                self._deliver(self._answers(asked))
                self._running = set()

    def _next(self) -> list[_Waiting[T]]:
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

    def _answers(self, batch: list[_Waiting[T]]) -> Settled:
        begun = time.monotonic()
        try:
            results = self._run([one.item for one in batch])
        except Exception as error:
            if len(batch) == 1:
                return [(batch[0].future, error)]
            return [answer for one in batch for answer in self._answers([one])]
        took = time.monotonic() - begun
        return [
            (one.future, Done(result, begun - one.since, took, len(batch)))
            for one, result in zip(batch, results)
        ]
