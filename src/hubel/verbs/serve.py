"""serve: bundles behind HTTP, with a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from hubel.runtime.choice import FASTEST
from hubel.serve.limits import Limits


def serve(
    bundles: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    limits: Limits | None = None,
    engine: str = FASTEST,
    engine_threads: int | None = None,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Answer for pictures over HTTP until SIGTERM or SIGINT; then finish what was begun.

    `bundles`: bundles or runs, one or more; the first is asked where a request names none. `host`:
    by default this machine only. `token`: what `Authorization: Bearer` must tell; by default anyone
    who reaches the port may ask. `engine` is the one that `hubel bench --save` found to be the
    fastest here, or one by name. `ready` is told the address once it is open; port 0 takes a free
    one. Needs fastapi, uvicorn and httptools (`hubel[serve]`); torch only to explain.

    Raises ValueError for a bundle that cannot be used, OSError where the port cannot be had.
    """
    from hubel.serve.app import create_app
    from hubel.serve.door import Course, is_loopback
    from hubel.serve.models import Models
    from hubel.serve.server import run

    limits = limits or Limits()
    if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
        raise ValueError("the token must be printable ASCII; make one with: openssl rand -hex 32")
    places = [bundles] if isinstance(bundles, str | os.PathLike) else list(bundles)
    models = Models(places, limits, engine=engine, threads=engine_threads)
    course = Course()
    app = create_app(
        models, limits, token=token and token.strip(), loopback=is_loopback(host), course=course
    )
    run(app, course, limits, host=host, port=port, ready=ready)
