"""Being asked to stop: Ctrl-C and SIGTERM end a training after its step, saved."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def interruptions() -> Iterator[Callable[[], bool]]:
    """A question that turns true when the process is asked to stop (Ctrl-C, SIGTERM).

    A second Ctrl-C interrupts at once. Outside the main thread, where signals cannot be taken,
    it stays false.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
