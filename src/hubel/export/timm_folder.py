"""A bundle in the layout that timm reads: config.json and model.safetensors in timm's names."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from hubel.export.bundle import load_module
from hubel.export.deployed import Deployed
from hubel.export.eager import Eager
from hubel.networks import create
from hubel.runtime.bundle import Bundle
from hubel.runtime.engines import Session
from hubel.runtime.files import write_whole
from hubel.weights.loading import load
from hubel.weights.timm import timm_names


def write_timm(bundle: Bundle, folder: Path, threads: int) -> Session:
    """config.json and model.safetensors, for `timm.create_model("local-dir:FOLDER",
    pretrained=True)`.

    The spelling is proved by the hash under which timm's own outputs were compared, and the file is
    read back and replayed in torch. The temperature of the calibration has no place there.
    ValueError for networks and preprocessing that timm does not have.
    """
    _check(bundle)
    names = timm_names(bundle.name, load_module(bundle).state_dict())
    tensors = {
        names[name]: shaped(names[name], x).contiguous()
        for name, x in load_module(bundle).state_dict().items()
        if name in names
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    text = json.dumps(_config(bundle, list(names.values())), indent=2, ensure_ascii=False)
    write_whole(folder / "config.json", text + "\n")
    network = create(
        bundle.name, classes=len(bundle.classes), channels=bundle.network["channels"],
        **bundle.network["words"],
    )  # fmt: skip
    load(network, folder / "model.safetensors")
    return Eager(Deployed(network.eval(), bundle.preprocess), bundle, threads=threads)


def _check(bundle: Bundle) -> None:
    words = {k: v for k, v in bundle.network["words"].items() if k != "drop"}
    way = bundle.preprocess
    if ":" in bundle.name:
        raise ValueError(f"{bundle.name} is a network of your own, which timm cannot have")
    eps = words.pop("eps", None)
    if words or (eps is not None and eps != _eps(create(bundle.name))):
        raise ValueError(
            f"{bundle.name} with {bundle.network['words']} is no network of timm, which has it "
            "only as it was published; export to onnx instead"
        )
    if bundle.task != "classify" or way.fit == "pad" or way.pad or way.background != 255:
        raise ValueError(
            f"timm has no place for the task {bundle.task} with this preprocessing (fit={way.fit}, "
            f"pad={way.pad}); export to onnx instead"
        )


def _eps(network: nn.Module) -> float | None:
    return next((m.eps for m in network.modules() if isinstance(m, nn.BatchNorm2d)), None)


def shaped(key: str, x: Tensor) -> Tensor:
    """The dense layers that timm's VGG writes as convolutions."""
    if key == "pre_logits.fc1.weight":
        return x.view(x.shape[0], -1, 7, 7)
    return x[:, :, None, None] if key == "pre_logits.fc2.weight" else x


def _config(bundle: Bundle, keys: list[str]) -> dict[str, object]:
    way, classes = bundle.preprocess, list(bundle.classes)
    channels = bundle.network["channels"]
    return {
        "architecture": bundle.name,
        "num_classes": len(classes),
        "label_names": classes,
        "model_args": {"in_chans": channels} if channels != 3 else {},
        "pretrained_cfg": {
            "tag": "hubel",
            "custom_load": False,
            "input_size": [channels, *way.input_size],
            "interpolation": way.filter,
            "crop_pct": way.crop if way.fit == "crop" else 1.0,
            "crop_mode": "center" if way.fit == "crop" else "squash",
            "mean": list(way.mean),
            "std": list(way.std),
            "num_classes": len(classes),
            "first_conv": keys[0].rpartition(".")[0],
            "classifier": keys[-1].rpartition(".")[0],
        },
    }
