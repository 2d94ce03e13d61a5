"""Run a bundle's graph on ONNX Runtime."""

from __future__ import annotations

import os

import numpy as np
import onnxruntime

from hubel.runtime.bundle import LIMITS, Bundle, BundleError
from hubel.runtime.graph import has_external_tensors
from hubel.runtime.machine import cores

SILENT = 4  # ONNX Runtime's log severity; its errors come as exceptions too


class Engine:
    """A bundle's graph, ready to run: `engine(pictures)` gives the raw scores.

    `threads` is how many threads one batch may use, by default one for each processor.
    Raises BundleError for a graph that is not what a bundle's graph must be.
    """

    def __init__(self, bundle: Bundle, *, threads: int | None = None):
        if threads is not None and threads < 1:
            raise ValueError(f"engine threads {threads}: must be at least 1")
        size = bundle.model.stat().st_size
        if size > LIMITS["onnx"]:
            raise BundleError(f"{bundle.model} has {size:,} bytes; an ONNX file has at most 2 GiB")
        self.threads = threads or cores()
        self._model = bundle.model
        try:
            if has_external_tensors(bundle.model):
                raise ValueError("it keeps tensors in other files, as no bundle's graph does")
            self._session = _session(bundle.model, self.threads)
        except Exception as error:  # those of ONNX Runtime have no common class
            raise BundleError(f"{bundle.model} cannot be run: {_first_line(error)}") from None
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
            return self._session.run(list(self.outputs), {"pictures": pictures})
        except Exception as error:
            raise BundleError(f"{self._model} failed: {_first_line(error)}") from None

    def _check(self, classes: int | None) -> None:
        """The graph's one input and its outputs are those of the format; with `classes` the one
        output gives so many numbers.
        """
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        given = [x.shape[1:] if classes else [] for x in outputs]
        found = [
            *(
                (x.name, x.type, [n if type(n) is int else None for n in x.shape[1:]])
                for x in inputs
            ),
            *((x.name, x.type, shape) for x, shape in zip(outputs, given)),
        ]
        wanted = [
            ("pictures", "tensor(uint8)", list(self.shape)),
            *((name, "tensor(float)", [classes] if classes else []) for name in self.outputs),
        ]
        if found != wanted:
            raise BundleError(
                f"{self._model} has inputs and outputs {found}; bundle.json asks for {wanted}; "
                "export the bundle again"
            )


def _session(model: os.PathLike[str], threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = SILENT
    # Waiting threads sleep instead of turning: the processors are not this process's alone.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        os.fspath(model), options, providers=["CPUExecutionProvider"]
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
