"""The pictures of a request: read within bounds, from a form's files or from base64 in JSON.

Everything stays in memory and is gone with the answer: no picture is kept, not even in a
temporary file, which is why the form is taken apart here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from hubel.serve.errors import Refused, busy
from hubel.serve.limits import Limits

JSON, FORM = "application/json", "multipart/form-data"

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class Gone(Exception):
    """The client left before it had sent its request."""

    status = 499  # for the log: nobody reads it


class Bodies:
    """Reads bodies, so that all of them together stay within `limits.held` bytes."""

    def __init__(self, limits: Limits):
        self.limits, self.held = limits, 0

    @asynccontextmanager
    async def read(
        self, receive: Receive, length: str | None, until: float
    ) -> AsyncIterator[bytes]:
        """A body, whole, before the time.monotonic() `until`, held as long as the context lasts.

        Refused where it is too large or too slow, or where others hold the memory. `length` is
        what its head promises.
        """
        promised = int(length) if length and re.fullmatch(r"\d{1,15}", length) else 0
        if promised > self.limits.body:
            raise self._too_large()
        parts: list[bytes] = []
        try:
            await self._collect(receive, parts, until)
            yield b"".join(parts)
        finally:
            self.held -= sum(map(len, parts))

    async def _collect(self, receive: Receive, parts: list[bytes], until: float) -> None:
        size, more = 0, True
        with _until(until) as late:
            while more:
                try:
                    message = await receive()
                except asyncio.CancelledError:
                    if not late:
                        raise
                    words = f"the request was not whole after {self.limits.timeout:g} seconds"
                    raise Refused(408, words, {"Connection": "close"}) from None
                if message["type"] == "http.disconnect":
                    raise Gone
                parts.append(message.get("body", b""))
                more = bool(message.get("more_body"))
                size += len(parts[-1])
                self.held += len(parts[-1])
                if size > self.limits.body:
                    raise self._too_large()
                if self.held > self.limits.held:
                    raise busy("too many pictures are on their way")

    def _too_large(self) -> Refused:
        return Refused(413, f"the request is larger than {self.limits.body:,} bytes")


@contextmanager
def _until(end: float) -> Iterator[list[bool]]:
    """Cancels this task at the time.monotonic() `end`, and says so in the list that it gives. For
    bodies that are there already, as most are, much less work than to wait in a task of its own.
    """
    task, late, loop = asyncio.current_task(), [], asyncio.get_running_loop()
    assert task is not None

    def cut() -> None:
        late.append(True)
        task.cancel()

    timer = loop.call_later(max(end - time.monotonic(), 0.001), cut)
    try:
        yield late
    finally:
        timer.cancel()
        if late and hasattr(task, "uncancel"):  # Python 3.11
            task.uncancel()


def pictures_of(body: bytes, kind: str, most: int) -> list[bytes]:
    """The pictures, 1 to `most`, in a body of this Content-Type.

    `multipart/form-data`: the files of the fields `picture` (or `pictures`), in their order.
    `application/json`: {"picture": base64} or {"pictures": [base64, ...]}. Raises Refused.
    """
    media, _, words = kind.partition(";")
    media = media.strip().lower()
    if media == JSON:
        found = _from_json(body)
    elif media == FORM:
        found = _from_form(body, words)
    else:
        rule = f"send {FORM} with a file named picture, or {JSON} with base64"
        raise Refused(415, f"the request has {'another' if kind else 'no'} Content-Type; {rule}")
    if not found:
        raise Refused(422, "the request has no picture; name the field `picture`")
    if len(found) > most:
        many = "one picture" if most == 1 else f"up to {most} pictures"
        raise Refused(422, f"the request has {len(found)} pictures; this takes {many}")
    return found


def _from_json(body: bytes) -> list[bytes]:
    try:
        words = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise Refused(400, f"the request is not valid JSON ({reason})") from None
    if not isinstance(words, dict):
        raise Refused(422, 'the JSON must be an object: {"picture": "<base64>"}')
    unknown = sorted(set(words) - {"picture", "pictures"})
    if unknown:
        raise Refused(422, f"unknown word {unknown[0][:40]!r}; known: picture, pictures")
    given = words.get("pictures", [])
    if not isinstance(given, list):
        raise Refused(422, "`pictures` must be a list of base64 texts")
    if "picture" in words:
        given = [words["picture"], *given]
    return [_decoded(text, number) for number, text in enumerate(given, 1)]


def _decoded(text: Any, number: int) -> bytes:
    if not isinstance(text, str):
        raise Refused(422, f"picture {number} is not a text; send its bytes as base64")
    if text.startswith("data:"):  # as a browser's canvas gives it
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise Refused(422, f"picture {number} is not valid base64") from None


def _from_form(body: bytes, words: str) -> list[bytes]:
    """RFC 7578, strictly: the boundary of the head, parts with a Content-Disposition each."""
    match = re.search(r'boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', words, re.IGNORECASE)
    if not match:
        raise Refused(400, f"{FORM} without a boundary in its Content-Type")
    line = b"\r\n--" + (match[1] or match[2]).encode("latin-1", "replace")
    # The first boundary may stand at the very beginning; the last one ends in two more dashes.
    _, *parts = (b"\r\n" + body).split(line)
    if not parts or not parts[-1].startswith(b"--"):
        raise Refused(400, "the form is cut short: its last boundary is missing")
    found = []
    for part in parts[:-1]:
        head, empty, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'^content-disposition:\s*form-data;.*?\bname="?(\w*)"?', head, HEAD)
        if not empty or not name:
            raise Refused(400, "a part of the form has no Content-Disposition with a name")
        if name[1] not in (b"picture", b"pictures"):
            raise Refused(422, "the form has another field than `picture`; send files only")
        found.append(content)
    return found


HEAD = re.IGNORECASE | re.MULTILINE
