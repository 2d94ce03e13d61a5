"""The network with its normalization inside, and its ONNX graph."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hubel.networks import Network
from hubel.ops.normalize import Normalize
from hubel.pictures.preprocess import Preprocess
from hubel.runtime.decode.catalogue import DECODERS

# Old enough for engines of years past; every operation of a classifier is there.
OPSET, IR_VERSION = 18, 8


class Deployed(nn.Module):
    """uint8 pictures (N, H, W, 3) -> what the network gives: normalization, then the network."""

    def __init__(self, network: nn.Module, preprocess: Preprocess):
        super().__init__()
        self.normalize = Normalize(preprocess)
        self.network = network

    def forward(self, pictures: Tensor) -> Any:
        """(N, H, W, 3) uint8 -> logits (N, classes), or the outputs of another task."""
        return self.network(self.normalize(pictures.permute(0, 3, 1, 2)))


def fused(deployed: Deployed) -> Deployed:
    """A copy with norms and parallel branches folded into their convolutions, for use only."""
    deployed = copy.deepcopy(deployed).eval()
    for part in list(deployed.modules()):
        if isinstance(part, Network):
            part.fuse()
    return deployed


def traced(preprocess: Preprocess, task: str) -> tuple[Tensor, dict[int, Any]]:
    """Pictures to trace a network with, and the axes that stay free: how many there are and, where
    the task takes whole pictures, height and width.
    """
    height, width = preprocess.input_size
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)  # 1 would be taken for fixed
    free = ("batch", "height", "width") if DECODERS[task].whole else ("batch",)
    return example, {axis: torch.export.Dim(name) for axis, name in enumerate(free)}


def write_onnx(
    path: Path,
    deployed: Deployed,
    preprocess: Preprocess,
    classes: Sequence[str],
    task: str = "classify",
) -> None:
    """Write the graph of a network in evaluation mode: `pictures` -> the outputs of its task, any
    batch size, and where the task takes whole pictures, any height and width.

    Class names and the preprocessing stand in the file's metadata as JSON, so that the graph alone
    says how to use it. Raises ValueError where the network cannot be exported.
    """
    import onnx  # heavy, and only needed here

    example, free = traced(preprocess, task)
    try:
        with _quiet():
            program = torch.onnx.export(
                fused(deployed),
                (example,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=["pictures"],
                output_names=list(DECODERS[task].outputs),
                dynamic_shapes=(free,),
            )
    except Exception as error:  # the exporter's errors have no common class short of this
        cause = error.__cause__ or error
        raise ValueError(
            f"this network has no ONNX graph: {str(cause).strip().splitlines()[0]}; forward() must "
            "not branch on values of its input and must take any number of pictures"
        ) from error
    assert program is not None
    model = program.model_proto
    _strip(model.graph)
    model.ir_version = IR_VERSION
    model.producer_name = "hubel"
    onnx.helper.set_model_props(
        model,
        {
            "task": task,
            "classes": json.dumps(list(classes), ensure_ascii=False),
            "preprocess": json.dumps(preprocess.to_dict()),
        },
    )
    onnx.save(model, path)


def _strip(graph: Any) -> None:
    """Drop the exporter's notes: they name this machine's files and outweigh a small network."""
    graph.ClearField("metadata_props")
    for part in (*graph.input, *graph.output, *graph.value_info, *graph.initializer, *graph.node):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's log lines and its own deprecations from a user who cannot mend them."""
    names = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
