"""`hubel serve BUNDLE...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    bundles: Annotated[
        list[Path], typer.Argument(help="Bundles, or runs that hold one; the first is the default.")
    ],
    host: Annotated[
        str, typer.Option(help="The address to listen on; by default this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="HUBEL_TOKEN", show_envvar=True, help="What clients must tell as Bearer token."
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures that are answered together.")] = 16,
    wait_ms: Annotated[
        float, typer.Option(min=0, help="How long a batch waits for pictures on their way.")
    ] = 2.0,
    queue: Annotated[
        int, typer.Option(min=1, help="Pictures that may wait, of each model; then it says 429.")
    ] = 256,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds a request may take.")] = 10.0,
    max_mb: Annotated[float, typer.Option(min=0.001, help="Megabytes of a request.")] = 20.0,
    max_megapixels: Annotated[float, typer.Option(min=0.001, help="Of a picture.")] = 50.0,
    engine: Annotated[
        str, typer.Option(help="onnxruntime, openvino or the fastest that bench --save found.")
    ] = "fastest",
    engine_threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of an engine; one per processor by default.")
    ] = None,
) -> None:
    """Answer for pictures over HTTP, with a page to try it."""
    import sys

    from hubel.serve.limits import Limits
    from hubel.verbs.serve import serve as verb

    limits = Limits(
        body=round(max_mb * 1e6),
        pixels=round(max_megapixels * 1e6),
        timeout=timeout,
        batch=batch,
        wait=wait_ms / 1000,
        queue=queue,
    )
    if token is None and host not in ("127.0.0.1", "localhost", "::1"):
        warning = f"anyone who reaches {host} may ask, since no --token is given"
        print(f"hubel: {warning}", file=sys.stderr)

    def ready(url: str) -> None:
        print(f"Page  {url}\nAPI   {url}/docs\nCtrl-C stops it.", flush=True)

    verb(
        list(bundles),
        host=host,
        port=port,
        token=token,
        limits=limits,
        engine=engine,
        engine_threads=engine_threads,
        ready=ready,
    )
