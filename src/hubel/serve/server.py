"""The process: sockets, slow and endless senders, and an end that loses no request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hubel.serve.door import LOG, App, Course, JsonLines
from hubel.serve.limits import Limits

HEAD = 64 << 10  # bytes of a request's head
IDLE = 30  # seconds between two requests of a connection
BACKLOG = 1024  # connections that the system holds until they are taken
GATHER = 0.05  # seconds that a line of the log waits for others
SWITCH = 0.001  # seconds after which a thread hands on the interpreter: the engine's waits for it


class Corked:
    """A transport that sends what is written within a turn of the loop in one piece: the head of an
    answer and its body are one call of the system and one packet.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop):
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sent at the end of this turn."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def close(self) -> None:
        """After what was written."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()


class Guarded(HttpToolsProtocol):
    """A connection whose requests must come in time and with a head of sensible size.

    The application bounds the time and the size of bodies; what it does not see is bounded here:
    heads, bodies that nobody reads because the answer is out already, and too many connections.
    """

    limits: Limits  # of the class that `Server` makes of this one

    def connection_made(self, transport: Any) -> None:
        """A new connection has the same time for its first request as every later one."""
        super().connection_made(Corked(transport, self.loop))  # type: ignore[arg-type]
        self._head = 0
        self._timer: asyncio.TimerHandle | None = None
        if len(self.connections) > self.limits.connections:
            self._end(429, "Too Many Requests")
        else:
            self._in_time(self.limits.timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over, whoever ended it."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or a body."""
        if self.transport.is_closing():
            return
        if self._timer is None:  # the first of a request on a connection that was idle
            self._in_time(self.limits.timeout)
        self._head += len(data)
        super().data_received(data)
        if self._head > HEAD and not self.transport.is_closing():
            self._end(431, "Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        """From here on the application watches the time, and this only what it leaves unread."""
        self._head = -(1 << 62)
        self._in_time(2 * self.limits.timeout)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._head = 0
        self._stop()
        super().on_message_complete()

    def _in_time(self, seconds: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._head >= 0:
            self._end(408, "Request Timeout")
        else:
            self.transport.close()

    def _end(self, status: int, reason: str) -> None:
        if self.cycle is None or self.cycle.response_complete:
            line = f"HTTP/1.1 {status} {reason}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(line.encode())
        self.transport.close()


class Gathered(logging.StreamHandler):
    """Writes the lines of GATHER seconds together, and at once what is a warning or more: every
    call of the system hands the interpreter to another thread, and has to wait for it afterwards.
    """

    def __init__(self, stream: TextIO):
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """The base class's `handle` holds the lock."""
        self._lines.append(self.format(record) + self.terminator)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None or record.levelno > logging.INFO:
            self.flush()
        elif len(self._lines) == 1:
            loop.call_later(GATHER, self.flush)

    def flush(self) -> None:
        """Write what is there; at the end of the process, too."""
        with self.lock or contextlib.nullcontext():
            text = "".join(self._lines)
            self._lines.clear()
            if text:
                self.stream.write(text)
            super().flush()


class Server(uvicorn.Server):
    """Ends at SIGTERM or SIGINT without losing a request: the door is closed first, every answer
    from then on tells its client to go, and idle connections have `limits.drain` seconds for a
    request that is under way.
    """

    def __init__(
        self,
        app: App,
        course: Course,
        limits: Limits,
        ready: Callable[[str], None] = lambda url: None,
    ):
        config = uvicorn.Config(
            app,
            http=type("Bounded", (Guarded,), {"limits": limits}),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=round(2 * limits.timeout) + 1,
        )
        super().__init__(config)
        self._course, self._limits, self._ready = course, limits, ready

    async def startup(self, sockets: Any = None) -> None:
        """Open the sockets, then say where."""
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def shutdown(self, sockets: Any = None) -> None:
        """Drain, then close."""
        self._course.draining = True
        LOG.info("stopping", extra={"facts": {"in_flight": self._course.in_flight}})
        for server in self.servers:
            server.close()
        for door in sockets or ():
            door.close()
        for _ in range(round(self._limits.drain / 0.05)):
            if not self.server_state.connections or self.force_exit:
                break
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A stop that was asked for is a success: the signal is not raised again at the end."""
        if threading.current_thread() is not threading.main_thread():  # signals are not for it
            yield
            return
        kinds = (signal.SIGINT, signal.SIGTERM)
        before = {kind: signal.signal(kind, self.handle_exit) for kind in kinds}
        try:
            yield
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)


def run(
    app: App,
    course: Course,
    limits: Limits,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is told the address once it is open; port 0 takes a
    free one. OSError where the address cannot be had.
    """
    _log()
    sys.setswitchinterval(SWITCH)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.create_server((host, port), family=family, backlog=BACKLOG)
    # Connections inherit it; asyncio sets it only where a socket names its protocol. Without it the
    # body of an answer waits 40 ms for the client to acknowledge its head.
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    asyncio.run(Server(app, course, limits, ready).serve(sockets=[door]))


def _log() -> None:
    """Structured lines on standard error: a line for each request, and what uvicorn warns of."""
    handler = Gathered(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("hubel.serve", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
