"""Write a bundle, prove it on the engine that will run it, load its network back into torch."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from hubel import __version__
from hubel.export.card import model_card
from hubel.export.deployed import Deployed, write_onnx
from hubel.pictures.preprocess import Preprocess
from hubel.runtime.bundle import (
    CARD,
    FACTS,
    GOLDEN,
    MODEL,
    OUTPUTS,
    SCHEMA,
    SUMS,
    WEIGHTS,
    Bundle,
)
from hubel.runtime.decode.catalogue import DECODERS
from hubel.runtime.engines import DEFAULT
from hubel.runtime.files import sha256, write_whole
from hubel.runtime.golden import fingerprint, replay
from hubel.runtime.predictor import load
from hubel.tasks.catalogue import TASKS
from hubel.tasks.task import Evidence, Task

UNCALIBRATED = {"temperature": 1.0, "method": "none"}
TOLERANCE = 1e-4  # of probabilities; of logits, times the largest one


def write_bundle(
    folder: str | os.PathLike[str],
    module: nn.Module,
    *,
    preprocess: Preprocess,
    classes: Sequence[str],
    network: Mapping[str, Any],
    golden: Iterable[tuple[str, np.ndarray]],
    training: Mapping[str, Any] | None = None,
    scores: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    calibration: Mapping[str, Any] = UNCALIBRATED,
    thresholds: Mapping[str, Any] | None = None,
    licences: Mapping[str, str] | None = None,
    task: str = "classify",
) -> Path:
    """Write the bundle of a module: (N, channels, H, W), normalized -> what its task asks for; of a
    classifier that is logits (N, classes).

    `network` is what networks.create takes: name, words, classes, channels; and `head`, the words
    of the task's head. `golden` are a few real
    pictures as (name, uint8 (H, W, 3)) before preprocessing. `training`, `scores` and `data` (name,
    licence, fingerprint) are facts to keep, `licences` those of what it was made from besides the
    data ({"weights": "mit"}); `calibration` has the temperature that divides the logits and the
    method that found it, `thresholds` what the decoding is to be given. The module itself stays as
    it is.

    The bundle is written beside its place, its golden pictures are replayed on ONNX Runtime, and
    only then it takes the name; an older bundle of that name gives way, any other folder is left
    alone. Raises ValueError for a network that cannot be exported or whose graph answers otherwise.
    """
    folder = Path(folder)
    _check(folder, preprocess, classes, network)
    # A copy: the bundle is of float32 on the CPU, whatever the training goes on with.
    deployed = Deployed(copy.deepcopy(module), preprocess).cpu().float().eval()
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        part.chmod(0o755)  # mkdtemp's is for the owner alone
        facts = {
            "schema": SCHEMA,
            "task": task,
            "hubel": __version__,
            "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "network": dict(network),
            "classes": list(classes),
            "preprocess": preprocess.to_dict(),
            "calibration": dict(calibration),
            "thresholds": dict(thresholds or {}),
            "licences": {
                "hubel": "Apache-2.0",
                "data": (data or {}).get("licence") or "unknown",
                **(licences or {}),
            },
            "data": dict(data or {}),
            "training": dict(training or {}),
            "scores": dict(scores or {}),
        }
        write_json(part / FACTS, facts)
        (part / CARD).write_text(model_card(facts), encoding="utf-8", newline="\n")
        _write_golden(part, deployed, preprocess, facts, golden)
        _write_weights(part / WEIGHTS, deployed.network)
        write_onnx(part / MODEL, deployed, preprocess, classes, task)
        write_sums(part)
        prove(part)
        put(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return folder


def load_module(
    bundle: Bundle | str | os.PathLike[str], module: nn.Module | None = None
) -> nn.Module:
    """A bundle's network in torch with its weights, in evaluation mode, to score or train further.

    A network of the catalogue is built from its name; your own must be handed in as `module`, since
    a bundle never runs code. Its input is (N, channels, H, W) as ops.normalize.Normalize gives it.
    Raises ValueError where the tensors of the bundle are not those of the network.
    """
    if not isinstance(bundle, Bundle):
        bundle = Bundle.open(Path(bundle))
    if module is None:
        if ":" in bundle.name:
            raise ValueError(
                f"the network {bundle.name!r} is code of its own, which no bundle may start; build "
                "it yourself and hand it in as `module`"
            )
        with torch.device("meta"):  # nothing is allocated before the shapes are known to be right
            _compare(bundle.weights, built(bundle))
        module = built(bundle)
    else:
        _compare(bundle.weights, module)
    module.load_state_dict(load_file(bundle.weights))
    return module.eval()


def load_evidence(bundle: Bundle) -> nn.Module:
    """A bundle's network, as `load_module` gives it, asked what speaks for each class in a picture:
    (N, channels, H, W) -> (N, classes). ValueError where its answers are not of that kind.
    """
    if bundle.task == "tags":
        rule = "explain takes bundles that tell one"
        raise ValueError(f"{bundle.folder} tells any number of classes a picture; {rule}")
    if DECODERS[bundle.task].whole is not None:
        rule = "there is no class to explain"
        raise ValueError(f"{bundle.folder} is for the task {bundle.task}; {rule}")
    module = load_module(bundle)
    return module if bundle.of_classes else Evidence(_task(bundle), module)


def built(bundle: Bundle) -> nn.Module:
    """The network of a bundle under its task, with fresh weights."""
    task = _task(bundle)
    return task.around(task.network(bundle.name, **bundle.network["words"]))


def _task(bundle: Bundle) -> Task:
    head = bundle.network.get("head", {})
    return TASKS[bundle.task](bundle.classes, bundle.preprocess, head=head)


def probabilities(logits: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
    """Of logits (N, classes), with the temperature that bundle.json says."""
    decode = DECODERS[facts["task"]].probabilities
    assert decode is not None
    return decode(logits, float(facts["calibration"]["temperature"]))


def _check(
    folder: Path, preprocess: Preprocess, classes: Sequence[str], network: Mapping[str, Any]
) -> None:
    taken = folder.is_file() or (folder.is_dir() and any(folder.iterdir()))
    if taken and not (folder / FACTS).is_file():
        raise ValueError(f"{folder} exists and is no bundle; name another folder")
    if not classes or len(set(classes)) != len(classes):
        raise ValueError(f"classes {list(classes)}: a bundle needs names, each of them once")
    missing = {"name", "words", "classes", "channels"} - set(network)
    if missing:
        raise ValueError(f"network {dict(network)}: {', '.join(sorted(missing))} is missing")
    if network["classes"] != len(classes):
        raise ValueError(f"the network has {network['classes']} classes and {len(classes)} names")
    if network["channels"] != preprocess.channels:
        raise ValueError(
            f"the network takes {network['channels']} channels and its preprocessing gives "
            f"{preprocess.channels}; make them the same"
        )


def _write_golden(
    part: Path,
    deployed: Deployed,
    preprocess: Preprocess,
    facts: Mapping[str, Any],
    golden: Iterable[tuple[str, np.ndarray]],
) -> None:
    """Save the pictures as PNG, and in golden.json what the network says about them."""
    place = (part / GOLDEN).parent
    place.mkdir()
    rows: list[dict[str, Any]] = []
    prepared = []
    for number, (name, picture) in enumerate(golden, 1):
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem).strip("-")[:40]
        file = f"{number:02d}-{slug}.png" if slug else f"{number:02d}.png"
        Image.fromarray(picture).save(place / file)
        # Read back, so that the outputs belong to the file.
        prepared.append(preprocess(place / file))
        rows.append({"file": file, "name": name, "prepared": fingerprint(prepared[-1])})
    if not rows:
        raise ValueError("golden is empty: a bundle proves itself on real pictures; give a few")
    with torch.inference_mode():
        outputs = deployed(torch.from_numpy(np.stack(prepared)))
    classes, names = len(facts["classes"]), DECODERS[facts["task"]].outputs
    if DECODERS[facts["task"]].probabilities is None:
        several = outputs if isinstance(outputs, tuple) else (outputs,)
        arrays = {name: output.numpy() for name, output in zip(names, several, strict=True)}
        np.savez_compressed(part / OUTPUTS, **arrays)
        limits = {n: TOLERANCE * max(1.0, float(np.abs(a).max())) for n, a in arrays.items()}
        write_json(part / GOLDEN, {"tolerance": {"float32": limits}, "pictures": rows})
        return
    logits = outputs
    if not isinstance(logits, torch.Tensor) or logits.shape != (len(rows), classes):
        what = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(
            f"the network gives {what} for {len(rows)} pictures; a classifier gives logits "
            f"{(len(rows), classes)}"
        )
    expected = logits.double().numpy()
    for row, z, p in zip(rows, expected, probabilities(expected, facts)):
        row["logits"], row["probabilities"] = z.tolist(), p.tolist()
    limit = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    tolerance = {"float32": {"logits": limit, "probabilities": TOLERANCE}}
    write_json(part / GOLDEN, {"tolerance": tolerance, "pictures": rows})


def _write_weights(path: Path, network: nn.Module) -> None:
    # Copies, since safetensors refuses tensors that share their memory.
    save_file({k: v.detach().clone().contiguous() for k, v in network.state_dict().items()}, path)
    path.chmod(0o644)  # it makes files for the owner alone; a model is to be handed on


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a file of a bundle; ValueError for what JSON cannot hold."""
    try:
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path.name} cannot hold these facts ({error}); give texts, finite numbers, lists"
        ) from None
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def write_sums(part: Path) -> None:
    """Write the hash of every other file."""
    files = sorted(p for p in part.rglob("*") if p.is_file() and p.name != SUMS)
    lines = (f"{sha256(p)}  {p.relative_to(part).as_posix()}\n" for p in files)
    write_whole(part / SUMS, "".join(lines))


def prove(part: Path, engine: str = DEFAULT) -> None:
    """Replay the golden pictures on the engine; raises ValueError on a difference."""
    found = replay(load(part, engine=engine))
    if not found.ok or found.prepared_otherwise:
        raise ValueError(
            f"the exported graph answers differently from the network: {found}; "
            "does forward() depend on chance or on its batch?"
        )


def put(part: Path, folder: Path) -> None:
    """Give the finished folder its name; an older one steps aside and is removed afterwards."""
    aside = None
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
        folder.replace(aside / folder.name)
    part.replace(folder)
    if aside:
        shutil.rmtree(aside, ignore_errors=True)


def _compare(weights: Path, module: nn.Module) -> None:
    """The file's header tells the tensors of the module, by name and shape, or ValueError."""
    try:
        with safe_open(weights, "pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in list(file.keys())}
    except SafetensorError as error:
        raise ValueError(f"{weights} is no safetensors file: {error}") from None
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    different = sorted(n for n in found.keys() | wanted.keys() if found.get(n) != wanted.get(n))
    if different:
        name = different[0]
        raise ValueError(
            f"{weights} does not fit the network: {len(different)} of {len(wanted)} tensors "
            f"differ, first {name!r}: {found.get(name, 'missing')} in the file, "
            f"{wanted.get(name, 'missing')} in the network; hand in the module it was trained as"
        )
