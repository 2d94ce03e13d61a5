"""watch: a page on a folder of runs, live while trainings write into it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hubel.serve.limits import Limits


def watch(
    runs: str | os.PathLike[str] = "runs",
    *,
    host: str = "127.0.0.1",
    port: int = 8001,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the curves of trainings in progress and the gallery of finished runs.

    It only reads, and serves until SIGTERM or SIGINT; `host`, `port` and `ready` are those of
    `serve`. Raises ValueError where `runs` is no folder of runs, OSError where the port cannot
    be had.
    """
    from hubel.serve.door import Course, is_loopback
    from hubel.serve.server import run
    from hubel.serve.watch import watch_app

    folder = Path(runs)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name the folder that `hubel train` writes runs into")
    if (folder / "recipe.yaml").is_file():
        rule = f"name the folder of all runs: {folder.absolute().parent.parent}"
        raise ValueError(f"{folder} is a run; {rule}")
    course = Course()
    app = watch_app(folder, loopback=is_loopback(host), course=course)
    run(app, course, Limits(), host=host, port=port, ready=ready)
