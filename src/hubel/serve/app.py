"""The routes of the service."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from hubel import __version__
from hubel.pictures import PictureError
from hubel.serve.clock import Clock
from hubel.serve.described import (
    ASKED,
    PNG,
    REFUSALS,
    UNDRAWN,
    Class,
    Method,
    Pixels,
    Top,
    Which,
    some,
    upload,
)
from hubel.serve.door import Course, Door
from hubel.serve.draw import Drawer, drawable
from hubel.serve.errors import Refused, unreadable
from hubel.serve.limits import Limits
from hubel.serve.look import Looker
from hubel.serve.metrics import Labels, Metrics
from hubel.serve.models import Answered, Models, Served, Told
from hubel.serve.shapes import (
    Card,
    Error,
    Prediction,
    Predictions,
    Summary,
    Timed,
    said,
    seconds,
)
from hubel.serve.short import Short
from hubel.serve.upload import Bodies, Gone, pictures_of

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
        for name in ("page", "pane", "ask", "said", "over", "stages", "layers", "engines", "docs")
    },
}
OPEN = {*ASSETS, "/health", "/ready", "/openapi.json"}
"""What can be asked without the token: nothing of the models, nothing that computes."""


def create_app(
    models: Models,
    limits: Limits,
    *,
    token: str | None = None,
    loopback: bool = True,
    course: Course | None = None,
) -> Door:
    """The service as an ASGI application. It answers for `models` until it is shut down."""
    metrics, bodies = Metrics(), Bodies(limits)
    looker, drawer, clock = Looker(limits), Drawer(limits), Clock(limits)
    course = course or Course()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        looker.close()
        drawer.close()
        clock.close()
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

    @asynccontextmanager
    async def asked(
        request: Request, served: Served, top: int, most: int
    ) -> AsyncIterator[tuple[list[bytes], list[Answered]]]:
        """The pictures of a request, and the answers for them."""
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
                yield pictures, found

    @app.post(
        "/predict", responses={200: {"model": Prediction}, **REFUSALS}, openapi_extra=upload(True)
    )
    async def predict(
        request: Request, model: Which = None, top: Top = 5, pixels: Pixels = False
    ) -> Response:
        """The answer for one picture, as a file of a form or as base64."""
        served = models.find(model)
        async with asked(request, served, top, 1) as (_, (done,)):
            told = good(done)
            words = said(served, told, top)
            words |= {"model": served.name, "seconds": seconds(done), "batch": done.batch}
            if pixels:
                words["pixels"] = await drawer.pixels(told.answer.seen)
        timing = f"wait;dur={1e3 * done.waited:.3f}, compute;dur={1e3 * done.took:.3f}"
        return JSONResponse(words, headers={"Server-Timing": timing})

    @app.post(
        "/batch", responses={200: {"model": Predictions}, **REFUSALS}, openapi_extra=upload(False)
    )
    async def batch(request: Request, model: Which = None, top: Top = 5) -> Response:
        """Answers for several pictures, in their order; one that cannot be used has an error."""
        served = models.find(model)
        async with asked(request, served, top, limits.pictures) as (_, found):
            answers = [
                {"error": f"the picture {done.result.message}"}
                if isinstance(done.result, PictureError)
                else said(served, done.result, top)
                for done in found
            ]
        return JSONResponse({"model": served.name, "answers": answers})

    @app.post(
        "/draw",
        responses={**PNG, **REFUSALS, **UNDRAWN},
        response_class=Response,
        openapi_extra=upload(True),
    )
    async def draw(request: Request, model: Which = None) -> Response:
        """The answer as a PNG: what was found drawn over the picture, or the larger picture."""
        served = models.find(model)
        drawable(served)
        async with asked(request, served, 1, 1) as ((data,), (done,)):
            png = await drawer.drawing(served, good(done), data)
        return Response(png, media_type="image/png")

    @app.post(
        "/explain",
        responses={**PNG, **REFUSALS, **UNDRAWN},
        response_class=Response,
        openapi_extra=upload(True),
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

    @app.post("/maps", responses={**REFUSALS, **UNDRAWN}, openapi_extra=upload(True))
    async def maps(request: Request, model: Which = None, label: Class = None) -> Response:
        """What speaks for a class and what each stage sees, as PNGs in data URLs."""
        served = models.find(model)
        async with _body(request, bodies, time.monotonic() + limits.timeout) as body:
            (data,) = pictures_of(body, request.headers.get("content-type", ""), 1)
            return JSONResponse(await looker.maps(served, data, label))

    @app.get("/models", responses={200: {"model": list[Summary]}, **some(401, 403, 421)})
    async def all_models() -> Response:
        """The models in service, the default one first."""
        return JSONResponse([served.summary() for served in models.values()])

    @app.get("/models/{name}", responses={200: {"model": Card}, **ASKED})
    async def card(name: str) -> Response:
        """The model card."""
        return JSONResponse(models.find(name).card())

    @app.get("/models/{name}/layers", responses={**ASKED, **UNDRAWN})
    async def layers(name: str) -> Response:
        """The network's table: what each block and layer gives, holds, costs and sees."""
        return JSONResponse(await looker.layers(models.find(name)))

    @app.get(
        "/models/{name}/engines", responses={200: {"model": Timed}, **ASKED, 429: REFUSALS[429]}
    )
    async def engines(name: str) -> Response:
        """How long each engine that is here takes for one picture, timed now."""
        return JSONResponse(await clock.engines(models.find(name)))

    @app.get("/health", responses=some(403, 421))
    async def health() -> dict[str, str]:
        """Whether the process lives."""
        return {"status": "ok"}

    @app.get("/ready", responses={503: {"model": Error, "description": "no new requests"}})
    async def ready() -> Response:
        """Whether it takes new requests: 503 once it was asked to stop."""
        if course.draining:
            return JSONResponse({"error": "the service is stopping"}, 503)
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", response_class=PlainTextResponse, responses=some(401, 403, 421))
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
    (route,) = (route for route in app.routes if getattr(route, "endpoint", None) is predict)
    return Door(
        Short(app, route), metrics, course, token=token, loopback=loopback, open_to_all=OPEN
    )


def good(done: Answered) -> Told:
    """What is told about a picture; Refused where it cannot be used."""
    if isinstance(done.result, PictureError):
        raise unreadable(done.result)
    return done.result


def _body(request: Request, bodies: Bodies, until: float):
    return bodies.read(request.receive, request.headers.get("content-length"), until)


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
        return Response(status_code=error.status)

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
