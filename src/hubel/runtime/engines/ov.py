"""A graph on OpenVINO."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from hubel.runtime.engines import Port

CONVERTER = "openvino.tools.ovc"
if "openvino" not in sys.modules:
    # OpenVINO can do without its converter, whose import takes longer than all the rest of it.
    sys.modules[CONVERTER] = None  # type: ignore[assignment]
try:
    import openvino
finally:
    if sys.modules.get(CONVERTER, CONVERTER) is None:
        del sys.modules[CONVERTER]

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVino:
    """An ONNX or .xml file, compiled for the processor.

    Compiling takes seconds; with `kept`, a folder of this graph's own, the result is read from
    there the next time.
    """

    def __init__(
        self, path: Path, threads: int, *, kept: Path | None = None, precision: str = "float32"
    ):
        config: dict[str, Any] = {
            # By itself it would take bfloat16 where the processor has it: other answers.
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if kept is not None:
            config["CACHE_DIR"] = os.fspath(kept)
        self._compiled = openvino.Core().compile_model(os.fspath(path), "CPU", config)
        self._request = self._compiled.create_infer_request()
        self.inputs = tuple(map(_port, self._compiled.inputs))
        self.outputs = tuple(map(_port, self._compiled.outputs))

    def run(self, pictures: np.ndarray) -> list[np.ndarray]:
        """uint8 (N, H, W, 3) -> the graph's outputs, in its order."""
        found = self._request.infer([pictures])
        return [np.array(found[i]) for i in range(len(self.outputs))]


def _port(port: Any) -> Port:
    shape = tuple(None if side.is_dynamic else side.get_length() for side in port.partial_shape)
    return Port(port.any_name, np.dtype(port.element_type.to_dtype()).name, shape)


def precisions() -> tuple[str, ...]:
    """What this processor computes in at full speed: float32, then bfloat16 where it has it."""
    known = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("float32", "bfloat16") if "BF16" in known else ("float32",)
