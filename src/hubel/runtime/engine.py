"""Run a bundle's graph, on any of the engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hubel.runtime.bundle import LIMITS, Bundle, BundleError
from hubel.runtime.choice import kept_for
from hubel.runtime.engines import DEFAULT, Port, Session, open_graph, parted
from hubel.runtime.graph import has_external_tensors
from hubel.runtime.machine import cores


class Engine:
    """A bundle's graph, ready to run: `engine(pictures)` gives the raw scores.

    `threads` is how many threads one batch may use, by default one for each processor. `name` is
    one of engines.ENGINES, or of those and "-int8". A `session` is taken instead where one is
    given: the same graph in another form, as an export has it. Raises BundleError for a graph that
    is not what a bundle's graph must be, ValueError for an engine or form that is not there.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int | None = None,
        name: str = DEFAULT,
        session: Session | None = None,
        spinning: bool = True,
    ):
        if threads is not None and threads < 1:
            raise ValueError(f"engine threads {threads}: must be at least 1")
        self.threads = threads or cores()
        self.name = name
        self._model = bundle.model
        self._session = session or self._open(bundle, spinning)
        self.shape = bundle.shape  # of one picture
        self.outputs = bundle.outputs
        self._check(len(bundle.classes) if bundle.of_classes else None)

    def __call__(self, pictures: np.ndarray) -> list[np.ndarray]:
        """uint8 (N, H, W, 3) of the bundle's input size -> its outputs, float32 (N, ...) each."""
        fits = [wanted in (None, n) for n, wanted in zip(pictures.shape[1:], self.shape)]
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or not all(fits):
            raise ValueError(
                f"pictures {pictures.dtype} {pictures.shape}: this bundle takes uint8 "
                f"(N, {', '.join(str(n or 'any') for n in self.shape)}); prepare them with its "
                "Preprocess"
            )
        try:
            return self._session.run(pictures)
        except Exception as error:
            raise BundleError(f"{self._model} failed: {_first_line(error)}") from None

    def _open(self, bundle: Bundle, spinning: bool) -> Session:
        engine, precision = parted(self.name)
        path = self._model = bundle.graph(engine, precision)
        if path.suffix == ".onnx":
            check_graph(path)
        kept = kept_for(bundle) if engine == "openvino" else None
        try:
            return open_graph(engine, path, self.threads, kept=kept, spinning=spinning)
        except ValueError:  # an engine that is not there
            raise
        except Exception as error:  # those of the engines have no common class
            raise BundleError(f"{path} cannot be run: {_first_line(error)}") from None

    def _check(self, classes: int | None) -> None:
        """The graph's one input and its outputs are those of the format; with `classes` the one
        output gives so many numbers.
        """
        shape = (None, classes) if classes else ()
        found = [
            *self._session.inputs,
            *(Port(x.name, x.kind, x.shape if classes else ()) for x in self._session.outputs),
        ]
        wanted = [
            Port("pictures", "uint8", (None, *self.shape)),
            *(Port(name, "float32", shape) for name in self.outputs),
        ]
        if found != wanted:
            raise BundleError(
                f"{self._model} has inputs and outputs {_said(found)}; bundle.json asks for "
                f"{_said(wanted)}; export the bundle again"
            )


def check_graph(path: Path) -> None:
    """BundleError for an ONNX file that no engine shall open: too large, not ONNX, or with tensors
    in other files.
    """
    size = path.stat().st_size
    if size > LIMITS["onnx"]:
        raise BundleError(f"{path} has {size:,} bytes; an ONNX file has at most 2 GiB")
    try:
        outside = has_external_tensors(path)
    except ValueError as error:
        raise BundleError(f"{path} cannot be run: {error}") from None
    if outside:
        raise BundleError(
            f"{path} cannot be run: it keeps tensors in other files, as no bundle's graph does"
        )


def _said(ports: list[Port]) -> str:
    return ", ".join(
        f"{port.name} {port.kind} ({', '.join('N' if n is None else str(n) for n in port.shape)})"
        for port in ports
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
