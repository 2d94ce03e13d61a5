"""The short way to an answer: the usual question does not go through the framework's routing.

Under load a small network takes less time than the routing of its requests, and requests then wait
for the loop instead of for the engine.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hubel.serve.door import App, Receive, Scope, Send
from hubel.serve.upload import Gone

USUAL = re.compile(rb"(?:model=([\w.-]{1,100})(?:&top=([1-9]\d{0,2}))?)?")
"""Query strings that need neither decoding nor checking; whatever else is asked, the route sees."""


class Short:
    """Calls the endpoint of a route of `app` itself where the query is a usual one."""

    def __init__(self, app: App, route: Any):
        self.app, self.route = app, route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application. What the endpoint refuses is raised on to the door."""
        usual = None
        if scope["type"] == "http" and scope["path"] == self.route.path:
            usual = scope["method"] in self.route.methods and USUAL.fullmatch(scope["query_string"])
        if not usual:
            await self.app(scope, receive, send)
            return
        scope["route"] = self.route
        words: dict[str, Any] = {"model": usual[1].decode()} if usual[1] else {}
        if usual[2]:
            words["top"] = int(usual[2])
        try:
            response = await self.route.endpoint(Request(scope, receive), **words)
        except Gone as gone:
            response = Response(status_code=gone.status)
        await response(scope, receive, send)
