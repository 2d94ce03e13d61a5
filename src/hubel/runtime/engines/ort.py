"""A graph on ONNX Runtime."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnxruntime

from hubel.runtime.engines import Port

SILENT = 4  # ONNX Runtime's log severity; its errors come as exceptions too
KINDS = {"tensor(uint8)": "uint8", "tensor(float)": "float32", "tensor(int64)": "int64"}


class OnnxRuntime:
    """An ONNX file in an inference session on the processor.

    Between two operations its threads turn, which makes networks of many small ones up to 1.4 times
    as fast; without `spinning` they sleep, and leave the processor to others.
    """

    def __init__(self, path: Path, threads: int, *, spinning: bool = True):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = SILENT
        options.add_session_config_entry("session.intra_op.allow_spinning", f"{spinning:d}")
        self._session = onnxruntime.InferenceSession(
            os.fspath(path), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = tuple(map(_port, self._session.get_inputs()))
        self.outputs = tuple(map(_port, self._session.get_outputs()))

    def run(self, pictures: np.ndarray) -> list[np.ndarray]:
        """uint8 (N, H, W, 3) -> the graph's outputs, in its order."""
        return self._session.run(None, {self.inputs[0].name: pictures})


def _port(argument: onnxruntime.NodeArg) -> Port:
    """A named axis takes any length; ONNX Runtime tells its name instead of a number."""
    shape = tuple(side if isinstance(side, int) else None for side in argument.shape)
    return Port(argument.name, KINDS.get(argument.type, argument.type), shape)
