"""Work that takes long is done aside, so that answers go on meanwhile."""

from __future__ import annotations

import asyncio
import io
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from PIL import Image

from hubel.serve.errors import Refused, busy
from hubel.serve.limits import Limits

T = TypeVar("T")


class Aside:
    """A thread, and no more than `limits.aside` requests that wait for it or are at work in it.

    `what` they ask for, in the plural, is named where they are refused.
    """

    def __init__(self, limits: Limits, what: str):
        self._limits, self._what, self._waiting = limits, what, 0
        self._pool = ThreadPoolExecutor(1, what)

    def close(self) -> None:
        """Finish what was begun."""
        self._pool.shutdown()

    async def done(self, work: Callable[[], T]) -> T:
        """What `work` gives. Refused with 429 where its turn does not come, with 504 where it takes
        longer than `limits.patience` seconds.
        """
        if self._waiting >= self._limits.aside:
            raise busy(f"too many {self._what} are waiting")
        self._waiting += 1
        future = self._pool.submit(work)
        wrapped = asyncio.wrap_future(future)
        wrapped.add_done_callback(lambda _: self._left())
        try:
            return await asyncio.wait_for(asyncio.shield(wrapped), self._limits.patience)
        except (asyncio.TimeoutError, TimeoutError):  # two classes before Python 3.11
            if future.cancel():
                raise busy("the turn of this request did not come in time") from None
            message = f"not ready within {self._limits.patience:g} seconds"
            raise Refused(504, message) from None

    def _left(self) -> None:
        self._waiting -= 1


def png(pixels: np.ndarray) -> bytes:
    """uint8 (H, W), (H, W, 3) or (H, W, 4) as a PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def url(pixels: np.ndarray) -> str:
    """The same as a data URL."""
    return f"data:image/png;base64,{b64encode(png(pixels)).decode()}"
