"""Every request comes in through here and every answer leaves through here."""

from __future__ import annotations

import hmac
import ipaddress
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from hubel.serve.errors import Refused
from hubel.serve.metrics import Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOG = logging.getLogger("hubel.serve")

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)
"""Headers of every answer. None of them opens the service to pages of other origins (CORS)."""
TIMING = b"server-timing"


@dataclass
class Course:
    """How the service is doing: requests in flight, and whether it only finishes what it has."""

    in_flight: int = 0
    draining: bool = False


class Door:
    """Lets in who may come in, and writes down what was answered.

    `token`: what `Authorization: Bearer` must tell, except on the paths `open_to_all`. `loopback`:
    only names of this machine are taken as Host, so that no foreign name which resolves to
    127.0.0.1 makes a browser ask. A page of another origin may not ask at all.
    """

    def __init__(
        self,
        app: App,
        metrics: Metrics,
        course: Course,
        *,
        token: str | None = None,
        loopback: bool = True,
        open_to_all: Collection[str] = (),
    ):
        self.app, self.metrics, self.course = app, metrics, course
        self.token, self.loopback = token, loopback
        self.open_to_all = frozenset(open_to_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def through(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                total = f"total;dur={1000 * (time.perf_counter() - begun):.3f}".encode()
                message["headers"] = [*message.get("headers", ()), *ALWAYS, (TIMING, total)]
                if self.course.draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        self.course.in_flight += 1
        try:
            self._check(scope)
            await self.app(scope, receive, through)
        except Refused as refused:
            await refuse(through, refused)
        except Exception:
            LOG.exception("a request failed", extra={"facts": {"path": scope["path"]}})
            if not status:
                await refuse(through, Refused(500, "the service failed; its log says why"))
        finally:
            self.course.in_flight -= 1
            self._note(scope, status, time.perf_counter() - begun)

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])  # of a repeated one the last
        host = headers.get(b"host", b"").decode("latin-1")
        if self.loopback and host and not is_loopback(re.sub(r":\d*$", "", host)):
            raise Refused(421, "this service answers to localhost only; bind it with --host")
        if scope["path"] in self.open_to_all:
            return
        if _foreign(headers, host):
            raise Refused(403, "pages of other origins may not ask this service")
        if self.token:
            kind, _, given = headers.get(b"authorization", b"").partition(b" ")
            right = hmac.compare_digest(given.strip(), self.token.encode())
            if kind.lower() != b"bearer" or not right:
                raise Refused(
                    401,
                    "this service asks for a token: Authorization: Bearer TOKEN",
                    {"WWW-Authenticate": "Bearer"},
                )

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's pattern, not the path: what is asked for must not make new time series.
        route = getattr(scope.get("route"), "path", "other")
        self.metrics.count("hubel_requests_total", route=route, status=str(status))
        self.metrics.observe("hubel_request_seconds", seconds, route=route)
        if status in (408, 413, 429):
            self.metrics.count("hubel_refused_total", reason=str(status))
        if LOG.isEnabledFor(logging.INFO):
            facts = {
                "method": scope["method"],
                "path": scope["path"][:200],
                "status": status,
                "ms": round(1000 * seconds, 2),
                "client": (scope.get("client") or ("",))[0],
            }
            LOG.info("request", extra={"facts": facts})


async def refuse(send: Send, refused: Refused) -> None:
    """Send the answer of a refusal."""
    body = json.dumps({"error": refused.message}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in refused.headers.items()),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _foreign(headers: Mapping[bytes, bytes], host: str) -> bool:
    """Whether a browser asks for a page of another origin."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:  # it knows itself, whatever a proxy made of the Host
        return site not in (b"same-origin", b"none")
    origin = headers.get(b"origin")
    return origin is not None and origin.decode("latin-1").partition("://")[2] != host


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine as seen from itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class JsonLines(logging.Formatter):
    """A log record as one line of JSON: time, level, event, and its facts."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; no control character of a request gets through JSON unescaped."""
        words = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            words["traceback"] = self.formatException(record.exc_info)
        return json.dumps(words)
