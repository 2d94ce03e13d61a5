"""The routes of the service."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from hubel import __version__
from hubel.pictures import PictureError
from hubel.serve.door import Course, Door
from hubel.serve.errors import Refused, unreadable
from hubel.serve.limits import Limits
from hubel.serve.look import Looker
from hubel.serve.metrics import Labels, Metrics
from hubel.serve.models import Answered, Models, Served
from hubel.serve.shapes import (
    Card,
    Error,
    Prediction,
    Predictions,
    Summary,
    said,
    seconds,
)
from hubel.serve.upload import FORM, JSON, Bodies, Gone, pictures_of

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The pages load nothing but their own style and script, and send nothing but to this service."""

ASSETS = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    **{
        f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
        for name in ("page", "ask", "over", "layers", "docs")
    },
}
OPEN = {*ASSETS, "/health", "/ready", "/openapi.json"}
"""What can be asked without the token: nothing of the models, nothing that computes."""

FAULTS = {400: "malformed", 401: "no token", 403: "another origin", 404: "no such model"}
FAULTS |= {408: "sent too slowly", 413: "too large", 415: "not a picture", 421: "another host"}
FAULTS |= {422: "cannot be used", 429: "busy: try again"}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": words} for status, words in FAULTS.items()
}
ASKED: dict[int | str, dict[str, Any]] = {
    k: v for k, v in REFUSALS.items() if k in (401, 403, 404, 421, 422)
}

Which = Annotated[
    str | None, Query(alias="model", description="A name of /models; by default the first.")
]
Top = Annotated[int, Query(ge=1, le=1000, description="How many classes to tell.")]
Class = Annotated[str | None, Query(description="The class to explain; by default the answer.")]
Method = Literal["gradcam", "gradcam_plus", "occlusion"]


def _upload(one: bool) -> dict[str, Any]:
    """The OpenAPI description of a body with a picture, or with several."""
    text = {"type": "string", "contentEncoding": "base64"}
    file = {"type": "string", "format": "binary"}
    field, sent, coded = (
        ("picture", file, text)
        if one
        else ("pictures", {"type": "array", "items": file}, {"type": "array", "items": text})
    )
    return {
        "requestBody": {
            "required": True,
            "content": {
                kind: {
                    "schema": {
                        "type": "object",
                        "properties": {field: schema},
                        "required": [field],
                        "additionalProperties": False,
                    }
                }
                for kind, schema in ((FORM, sent), (JSON, coded))
            },
        }
    }


def create_app(
    models: Models,
    limits: Limits,
    *,
    token: str | None = None,
    loopback: bool = True,
    course: Course | None = None,
) -> Door:
    """The service as an ASGI application. It answers for `models` until it is shut down."""
    metrics, bodies, looker = Metrics(), Bodies(limits), Looker(limits)
    course = course or Course()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        looker.close()
        models.close()

    app = FastAPI(
        title="Hubel",
        version=__version__,
        description="What convolutional networks say about pictures. No picture is kept.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    handle_errors(app)

    async def asked(request: Request, served: Served, top: int, most: int) -> list[Answered]:
        """Answers for the pictures of a request."""
        until = time.monotonic() + limits.timeout
        with ExitStack() as on_its_way:
            on_its_way.enter_context(served.batcher.coming())
            async with _body(request, bodies, until) as body:
                pictures = pictures_of(body, request.headers.get("content-type", ""), most)
                futures = served.submit(pictures, top)
                on_its_way.close()
                found = await served.answers(futures, until)
        for done in found:
            metrics.observe("hubel_wait_seconds", done.waited, model=served.name)
            metrics.observe("hubel_compute_seconds", done.took, model=served.name)
            metrics.observe("hubel_batch_pictures", done.batch, model=served.name)
        return found

    @app.post(
        "/predict", responses={200: {"model": Prediction}, **REFUSALS}, openapi_extra=_upload(True)
    )
    async def predict(request: Request, model: Which = None, top: Top = 5) -> Response:
        """The answer for one picture, as a file of a form or as base64."""
        served = models.find(model)
        (done,) = await asked(request, served, top, 1)
        if isinstance(done.result, PictureError):
            raise unreadable(done.result)
        words = said(served, done.result, top)
        words |= {"model": served.name, "seconds": seconds(done), "batch": done.batch}
        timing = f"wait;dur={1e3 * done.waited:.3f}, compute;dur={1e3 * done.took:.3f}"
        return JSONResponse(words, headers={"Server-Timing": timing})

    @app.post(
        "/batch", responses={200: {"model": Predictions}, **REFUSALS}, openapi_extra=_upload(False)
    )
    async def batch(request: Request, model: Which = None, top: Top = 5) -> Response:
        """Answers for several pictures, in their order; one that cannot be used has an error."""
        served = models.find(model)
        found = await asked(request, served, top, limits.pictures)
        answers = [
            {"error": f"the picture {done.result.message}"}
            if isinstance(done.result, PictureError)
            else said(served, done.result, top)
            for done in found
        ]
        return JSONResponse({"model": served.name, "answers": answers})

    png: dict[int | str, dict[str, Any]] = {
        200: {"content": {"image/png": {}}, "description": "The picture with its heat map."}
    }
    explains: dict[int | str, dict[str, Any]] = {
        **REFUSALS,
        409: {"model": Error, "description": "explaining is not possible here"},
    }

    @app.post(
        "/explain",
        responses={**png, **explains},
        response_class=Response,
        openapi_extra=_upload(True),
    )
    async def explain(
        request: Request, model: Which = None, label: Class = None, method: Method = "gradcam"
    ) -> Response:
        """What speaks for a class, as a PNG: the part of the picture that the network saw, greyed,
        with the heat on it.
        """
        served = models.find(model)
        async with _body(request, bodies, time.monotonic() + limits.timeout) as body:
            (data,) = pictures_of(body, request.headers.get("content-type", ""), 1)
            png = await looker.heat(served, data, label, method)
        return Response(png, media_type="image/png")

    @app.post("/maps", responses=explains, openapi_extra=_upload(True))
    async def maps(request: Request, model: Which = None, label: Class = None) -> Response:
        """What speaks for a class and what each stage sees, as PNGs in data URLs."""
        served = models.find(model)
        async with _body(request, bodies, time.monotonic() + limits.timeout) as body:
            (data,) = pictures_of(body, request.headers.get("content-type", ""), 1)
            return JSONResponse(await looker.maps(served, data, label))

    @app.get("/models", responses={200: {"model": list[Summary]}, **_some(401, 403, 421)})
    async def all_models() -> Response:
        """The models in service, the default one first."""
        return JSONResponse([served.summary() for served in models.values()])

    @app.get("/models/{name}", responses={200: {"model": Card}, **ASKED})
    async def card(name: str) -> Response:
        """The model card."""
        return JSONResponse(models.find(name).card())

    @app.get("/models/{name}/layers", responses={**ASKED, 409: explains[409]})
    async def layers(name: str) -> Response:
        """The network's table: what each block and layer gives, holds, costs and sees."""
        return JSONResponse(await looker.layers(models.find(name)))

    @app.get("/health", responses=_some(403, 421))
    async def health() -> dict[str, str]:
        """Whether the process lives."""
        return {"status": "ok"}

    @app.get("/ready", responses={503: {"model": Error, "description": "no new requests"}})
    async def ready() -> Response:
        """Whether it takes new requests: 503 once it was asked to stop."""
        if course.draining:
            return JSONResponse({"error": "the service is stopping"}, 503)
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", response_class=PlainTextResponse, responses=_some(401, 403, 421))
    async def counted() -> Response:
        """Counters, histograms and gauges for Prometheus."""
        gauges: dict[tuple[str, Labels], float] = {
            ("hubel_waiting", (("model", served.name),)): len(served.batcher)
            for served in models.values()
        }
        gauges["hubel_in_flight", ()] = course.in_flight
        gauges["hubel_held_bytes", ()] = bodies.held
        return Response(metrics.text(gauges), media_type="text/plain; version=0.0.4")

    pages(app, ASSETS)
    return Door(app, metrics, course, token=token, loopback=loopback, open_to_all=OPEN)


def _body(request: Request, bodies: Bodies, until: float):
    return bodies.read(request.receive, request.headers.get("content-length"), until)


def _some(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: REFUSALS[status] for status in statuses}


def pages(app: FastAPI, assets: Mapping[str, tuple[str, str]]) -> None:
    """The page, its style and script: files by their full path, no path is ever looked up."""
    for path, (name, kind) in assets.items():
        content = files("hubel.serve").joinpath("page").joinpath(name).read_bytes()

        async def sent(content: bytes = content, kind: str = kind) -> Response:
            return Response(content, media_type=kind, headers={"Content-Security-Policy": CSP})

        app.add_api_route(path, sent, methods=["GET"], include_in_schema=False)


def handle_errors(app: FastAPI) -> None:
    """Every refusal has one form: {"error": a sentence}."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return JSONResponse({"error": error.message}, error.status, error.headers)

    @app.exception_handler(Gone)
    async def gone(request: Request, error: Gone) -> Response:
        return Response(status_code=499)  # for the log: nobody reads it

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        # It is raised on, so that the door writes it down; its words are not for the client.
        return JSONResponse({"error": "the service failed; its log says why"}, 500)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        words = {404: "no such path; /docs lists them", 405: "no such method on this path"}
        message = words.get(error.status_code, str(error.detail))
        return JSONResponse({"error": message}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 422)
