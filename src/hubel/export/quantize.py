"""Post-training quantization to int8: the graph with its layers in eight bits, calibrated on
pictures.

One class for each engine, behind one protocol: `layers` can be quantized, `write` leaves the named
ones in float32 and gives the file. Both fold the scales of weights per channel and of activations
per tensor (Nagel et al. 2021, arXiv 2106.08295, section 2).
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from hubel.runtime.bundle import Bundle

KINDS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operations with weights, by their names in ONNX."""


class Quantizer(Protocol):
    """What quantizes the graph of a bundle for one engine."""

    engine: str
    suffix: str
    """Of the file."""
    layers: tuple[str, ...]
    """Names of the layers with weights, in the graph's order."""

    def write(self, path: Path, floats: Collection[str]) -> Path:
        """Write the graph in int8, but for the layers `floats`; the path."""
        ...


class ForOnnxRuntime:
    """Static quantization by ONNX Runtime's own tool: pairs of QuantizeLinear and DequantizeLinear
    around the layers, which the engine fuses into integer kernels.
    """

    engine, suffix = "onnxruntime", ".onnx"

    def __init__(self, bundle: Bundle, pictures: np.ndarray):
        import onnx

        self._model, self._pictures = bundle.model, pictures
        self._nodes = list(onnx.load(bundle.model).graph.node)
        self.layers = tuple(node.name for node in self._nodes if node.op_type in KINDS)

    def write(self, path: Path, floats: Collection[str]) -> Path:
        """See Quantizer."""
        from onnxruntime import quantization

        class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
            def __init__(self, pictures: np.ndarray):
                self.left = iter(pictures)

            def get_next(self) -> dict[str, np.ndarray] | None:
                picture = next(self.left, None)
                return None if picture is None else {"pictures": picture[None]}

        kinds = {node.op_type for node in self._nodes}
        with _quiet():
            quantization.quantize_static(
                os.fspath(self._model),
                os.fspath(path),
                Reader(self._pictures),
                op_types_to_quantize=[*(kinds & {*KINDS, "Add", "MaxPool", "GlobalAveragePool"})],
                nodes_to_exclude=list(floats),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
        return path


class ForOpenVino:
    """NNCF's quantization with its bias correction, for OpenVINO."""

    engine, suffix = "openvino", ".xml"

    def __init__(self, bundle: Bundle, pictures: np.ndarray):
        import openvino

        self._core, self._model, self._pictures = openvino.Core(), bundle.model, pictures
        kinds = {"Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul"}
        ordered = self._core.read_model(self._model).get_ordered_ops()
        self.layers = tuple(op.get_friendly_name() for op in ordered if op.get_type_name() in kinds)

    def write(self, path: Path, floats: Collection[str]) -> Path:
        """See Quantizer."""
        import openvino

        with _quiet():
            import nncf

            model = nncf.quantize(
                self._core.read_model(self._model),
                nncf.Dataset([picture[None] for picture in self._pictures]),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(self._pictures),
                ignored_scope=nncf.IgnoredScope(names=list(floats)) if floats else None,
            )
            openvino.save_model(model, path, compress_to_fp16=False)
        return path


QUANTIZERS: dict[str, type[ForOnnxRuntime] | type[ForOpenVino]] = {
    "onnxruntime": ForOnnxRuntime,
    "openvino": ForOpenVino,
}
"""By engine."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the tools' log lines and progress bars from a user who cannot act on them."""
    with warnings.catch_warnings(), open(os.devnull, "w") as nothing:  # noqa: PTH123
        warnings.simplefilter("ignore")
        level = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
                yield
        finally:
            logging.disable(level)
