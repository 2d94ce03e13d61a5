"""Post-training quantization: the graph of a bundle in int8, its ranges measured on pictures.

A quantizer for each engine, behind one protocol. Weights get a scale for each channel, activations
one for each tensor (Nagel et al. 2021, arXiv 2106.08295, section 2).
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Collection, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hubel.export.targets import save_openvino
from hubel.runtime.bundle import Bundle
from hubel.runtime.machine import version


class Quantizer(Protocol):
    """What quantizes the graph of a bundle for one engine."""

    engine: str
    layers: tuple[str, ...]
    """Names of the operations with weights, in the graph's order."""

    def write(self, path: Path, floats: Collection[str], pictures: np.ndarray) -> None:
        """Write the graph in int8, its ranges from uint8 (N, H, W, 3), the layers `floats` left in
        float32.
        """
        ...


class ForOnnxRuntime:
    """Static quantization by ONNX Runtime's own tool: pairs of QuantizeLinear and DequantizeLinear
    around the layers, which the engine fuses into integer kernels.
    """

    engine = "onnxruntime"
    WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
    BETWEEN = ("Add", "AveragePool", "Clip", "Concat", "GlobalAveragePool", "MaxPool", "Mul",
               "ReduceMean", "Relu", "Sigmoid")  # fmt: skip
    """They stay in int8 between two layers, where a change to float32 would cost more."""

    def __init__(self, bundle: Bundle):
        import onnx

        self._bundle = bundle
        self._nodes = list(onnx.load(bundle.model).graph.node)
        self.layers = tuple(node.name for node in self._nodes if node.op_type in self.WEIGHTED)

    def write(self, path: Path, floats: Collection[str], pictures: np.ndarray) -> None:
        """See Quantizer."""
        with _quiet():
            from onnxruntime import quantization as tool

            class Reader(tool.CalibrationDataReader):
                def __init__(self) -> None:
                    self.left = iter(pictures)

                def get_next(self) -> Any:
                    picture = next(self.left, None)
                    return None if picture is None else {"pictures": picture[None]}

            names = [node.name for node in self._nodes]
            before = names[: names.index(self.layers[0])] if self.layers else []  # normalization
            tool.quantize_static(
                os.fspath(self._bundle.model),
                os.fspath(path),
                Reader(),
                op_types_to_quantize=[*self.WEIGHTED, *self.BETWEEN],
                nodes_to_exclude=[*before, *floats],
                per_channel=True,
                activation_type=tool.QuantType.QUInt8,
                weight_type=tool.QuantType.QInt8,
            )


class ForOpenVino:
    """NNCF's quantization, with its correction of biases, for OpenVINO."""

    engine = "openvino"
    WEIGHTED = ("Convolution", "GroupConvolution", "ConvolutionBackpropData",
                "GroupConvolutionBackpropData", "MatMul")  # fmt: skip

    def __init__(self, bundle: Bundle):
        import openvino

        self._bundle, self._core = bundle, openvino.Core()
        self.layers = tuple(
            op.get_friendly_name()
            for op in self._core.read_model(bundle.model).get_ordered_ops()
            if op.get_type_name() in self.WEIGHTED
        )

    def write(self, path: Path, floats: Collection[str], pictures: np.ndarray) -> None:
        """See Quantizer."""
        with _quiet():
            nncf = _nncf()
            model = nncf.quantize(
                self._core.read_model(self._bundle.model),
                nncf.Dataset([picture[None] for picture in pictures]),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(pictures),
                ignored_scope=nncf.IgnoredScope(names=list(floats)) if floats else None,
            )
        save_openvino(model, self._bundle, path)


QUANTIZERS: dict[str, type[ForOnnxRuntime] | type[ForOpenVino]] = {
    "onnxruntime": ForOnnxRuntime,
    "openvino": ForOpenVino,
}
"""By engine."""

TOOLS = {"onnxruntime": "onnx", "openvino": "nncf"}
"""What an engine needs to quantize, besides itself."""


def quantizable() -> tuple[str, ...]:
    """The engines for which graphs can be quantized here."""
    return tuple(name for name, tool in TOOLS.items() if find_spec(name) and find_spec(tool))


def tool_of(engine: str) -> str:
    """Name and version of what quantizes for an engine."""
    name = "nncf" if engine == "openvino" else engine
    return f"{name} {version(name)}"


def _nncf() -> Any:
    """NNCF, imported with the word that keeps it from reporting its use over the network."""
    word = "NNCF_CI"
    before = os.environ.get(word)
    os.environ[word] = "1"
    try:
        import nncf
    finally:
        if before is None:
            del os.environ[word]
        else:
            os.environ[word] = before
    return nncf


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the tools' log lines and progress bars from a user who cannot act on them."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), Path(os.devnull).open("w") as nothing:
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
                yield
        finally:
            logging.disable(before)
