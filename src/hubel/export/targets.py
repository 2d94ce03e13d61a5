"""A bundle in the files of other runtimes: one function for each, that writes and opens again.

What is written carries in its own metadata how to use it: task, classes, preprocessing,
temperature and threshold. What is opened again runs in the target's runtime, so that the golden
pictures can be replayed there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hubel.runtime.bundle import SUMS, Bundle
from hubel.runtime.engines import Session, open_graph
from hubel.runtime.files import sha256, write_whole

MARK = "hubel.json"
"""In every folder of an export: what it is."""


def mark(bundle: Bundle, folder: Path, to: str, **more: str) -> None:
    """Note what the folder is, and of which bundle; `more` words are those of its files."""
    facts = {"to": to, "bundle": sha256(bundle.folder / SUMS), **words_of(bundle), **more}
    write_whole(folder / MARK, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def words_of(bundle: Bundle) -> dict[str, str]:
    """How to use the file, as texts: lists and objects as JSON."""
    return {
        "task": bundle.task,
        "network": bundle.name,
        "classes": json.dumps(list(bundle.classes), ensure_ascii=False),
        "preprocess": json.dumps(bundle.preprocess.to_dict()),
        "temperature": repr(bundle.temperature),
        "threshold": repr(bundle.threshold),
        "licences": json.dumps(bundle.facts.get("licences", {}), ensure_ascii=False),
    }


def write_onnx_file(bundle: Bundle, folder: Path, threads: int) -> Session:
    """model.onnx, for every engine of that format; replayed on ONNX Runtime."""
    import onnx

    model = onnx.load(bundle.model)
    onnx.helper.set_model_props(model, words_of(bundle))
    onnx.save(model, folder / "model.onnx")
    return open_graph("onnxruntime", folder / "model.onnx", threads)


def write_openvino(bundle: Bundle, folder: Path, threads: int) -> Session:
    """model.xml and model.bin in float32; the words stand in rt_info/hubel of the .xml."""
    need_openvino()
    import openvino

    path = folder / "model.xml"
    save_openvino(openvino.Core().read_model(bundle.model), bundle, path)
    return open_graph("openvino", path, threads)


def need_openvino() -> None:
    """ValueError where it is not installed."""
    if not find_spec("openvino"):
        raise ValueError("OpenVINO is not installed here: pip install 'hubel[deploy]'")


def save_openvino(model: Any, bundle: Bundle, path: Path, **more: str) -> None:
    """A model of OpenVINO as .xml and .bin, with the words of the bundle and `more`."""
    import openvino

    for key, text in {**words_of(bundle), **more}.items():
        model.set_rt_info(text, ["hubel", key])
    openvino.save_model(model, path, compress_to_fp16=False)


def write_torch_export(bundle: Bundle, folder: Path, threads: int) -> Session:
    """model.pt2, a program of torch.export; the words stand in its extra file hubel.json."""
    import torch

    from hubel.export.bundle import load_module
    from hubel.export.deployed import Deployed, fused, traced
    from hubel.export.eager import Eager

    deployed = fused(Deployed(load_module(bundle), bundle.preprocess))
    example, free = traced(bundle.preprocess, bundle.task)
    program = torch.export.export(
        deployed.requires_grad_(False), (example,), dynamic_shapes=(free,)
    )
    path = folder / "model.pt2"
    torch.export.save(program, path, extra_files={"hubel.json": json.dumps(words_of(bundle))})
    return Eager(torch.export.load(path).module(), bundle, threads=threads)


def write_timm_folder(bundle: Bundle, folder: Path, threads: int) -> Session:
    """config.json and model.safetensors; replayed in torch."""
    from hubel.export.timm_folder import write_timm

    return write_timm(bundle, folder, threads)


@dataclass(frozen=True)
class Target:
    """What writes the files of a runtime, and how they are used there, in a line."""

    write: Callable[[Bundle, Path, int], Session]
    use: str


TARGETS = {
    "onnx": Target(write_onnx_file, 'onnxruntime.InferenceSession("{}/model.onnx")'),
    "openvino": Target(write_openvino, 'openvino.Core().compile_model("{}/model.xml", "CPU")'),
    "torch-export": Target(write_torch_export, 'torch.export.load("{}/model.pt2").module()'),
    "timm": Target(write_timm_folder, 'timm.create_model("local-dir:{}", pretrained=True)'),
}
"""By the words of `hubel export --to`."""
