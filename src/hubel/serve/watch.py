"""The page of a runs folder: curves of what is in training, a gallery of what is done."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response

from hubel import __version__
from hubel.serve.app import handle_errors, pages
from hubel.serve.door import Course, Door
from hubel.serve.errors import Refused
from hubel.serve.metrics import Metrics
from hubel.serve.runs import Runs

ASSETS = {
    "/": ("watch.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
        for name in ("watch", "chart", "ask")
    },
}


def watch_app(folder: Path, *, loopback: bool = True, course: Course | None = None) -> Door:
    """The page as an ASGI application. It only reads; a folder that is not there yet is empty."""
    runs = Runs(folder)
    app = FastAPI(title="Hubel's runs", version=__version__, docs_url=None, redoc_url=None)
    handle_errors(app)

    def found(name: str) -> Path:
        path = runs.find(name)
        if path is None:
            raise Refused(404, "no such run; /runs lists them")
        return path

    # Plain functions: they read files, and FastAPI runs them in threads.
    @app.get("/runs")
    def all_runs() -> Response:
        """Every run in short, the last written first."""
        return JSONResponse(runs.all())

    @app.get("/runs/{name:path}/curves")
    def curves(name: str) -> Response:
        """The curves of a run so far."""
        return JSONResponse(runs.curves(found(name)))

    @app.get("/runs/{name:path}/report")
    def report(name: str) -> Response:
        """The report of a finished run; its own policy lets it load nothing."""
        page = found(name) / "report.html"
        if not page.is_file():
            raise Refused(404, "this run has no report yet")
        return FileResponse(page, media_type="text/html; charset=utf-8")

    @app.get("/health")
    def health() -> dict[str, str]:
        """Whether the process lives."""
        return {"status": "ok"}

    pages(app, ASSETS)
    return Door(
        app,
        Metrics(),
        course or Course(),
        loopback=loopback,
        open_to_all={*ASSETS, "/health"},
    )
