"""The command line: one thin file per verb, that parses, calls the verb's function and prints.

Nothing heavy is imported before a verb runs, so that `hubel --help` answers at once.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress

import typer

from hubel.cli.ablate import ablate
from hubel.cli.bench import bench
from hubel.cli.calibrate import calibrate
from hubel.cli.check import check
from hubel.cli.compare import compare
from hubel.cli.convert import convert
from hubel.cli.demo import demo
from hubel.cli.doctor import doctor
from hubel.cli.explain import explain
from hubel.cli.export import export
from hubel.cli.layer import layer
from hubel.cli.networks import networks
from hubel.cli.predict import predict
from hubel.cli.scale import scale
from hubel.cli.serve import serve
from hubel.cli.show import show
from hubel.cli.soup import soup
from hubel.cli.train import train
from hubel.cli.val import val
from hubel.cli.watch import watch

TRAIN_PACKAGES = {
    "torch", "safetensors", "huggingface_hub", "pyarrow", "yaml", "matplotlib", "scipy", "sklearn",
    "onnx", "onnxscript",
}  # fmt: skip

SERVE_PACKAGES = {"fastapi", "starlette", "pydantic", "uvicorn", "httptools"}

app = typer.Typer(
    name="hubel",
    help="The whole convolutional network, from the first filter to the model in service.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
VERBS = (
    train, watch, check, convert, predict, val, export, bench, serve, explain, calibrate, compare,
    soup, ablate, scale, networks, show, layer, doctor, demo,
)  # fmt: skip
for verb in VERBS:
    app.command()(verb)


@app.callback(invoke_without_command=True)
def version(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    """The whole convolutional network, from the first filter to the model in service."""
    if version:
        from hubel import __version__

        print(f"hubel {__version__}")
        raise typer.Exit


def start() -> None:
    """The entry point `hubel`: `main`, and after an answer the end of the process at once. To take
    its engine and its threads apart takes a tenth of the time in which the answer was found.
    """
    try:
        main()
    except SystemExit as end:  # how every command ends
        if sys.argv[1:2] != ["predict"] or not isinstance(end.code, int):
            raise
        with suppress(BrokenPipeError):  # who read it has gone
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(end.code)


def main() -> None:
    """A command. What a user can cause becomes one line on standard error and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # any file name can be printed anywhere
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in TRAIN_PACKAGES | SERVE_PACKAGES or tracing():
            raise
        extra = "serve" if package in SERVE_PACKAGES else "train"
        fail(f"this needs {package}, which is not installed here: pip install 'hubel[{extra}]'")
    except (ValueError, OSError) as error:
        if tracing():
            raise
        fail(describe(error))


def tracing() -> bool:
    """Whether the user asked for tracebacks with HUBEL_TRACE=1."""
    return os.environ.get("HUBEL_TRACE", "") not in ("", "0")


def describe(error: ValueError | OSError) -> str:
    """The error in one line; of the system's errors, the file and the reason."""
    if isinstance(error, OSError) and error.strerror:
        if error.errno == errno.ENOSPC:
            return f"{error.strerror}; make room and try again: a training goes on with --resume"
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def fail(message: str) -> None:
    """Say it and stop with exit code 2."""
    rank = os.environ.get("RANK", "0")
    who = "hubel" if rank == "0" else f"hubel, process {rank}"
    print(f"{who}: {message}", file=sys.stderr)
    raise SystemExit(2)
