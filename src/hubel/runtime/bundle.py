"""The model that ships: a folder that is read here, and trusted only as far as it was checked.

A bundle comes from anywhere. Reading one runs no code of it: it is JSON, safetensors and an ONNX
graph of standard operations. Sizes are checked before anything is read, names may not leave the
folder, and every file must have the SHA-256 that SHA256SUMS tells.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from hubel.pictures.preprocess import Preprocess
from hubel.pictures.read import MAX_PIXELS
from hubel.runtime.decode.catalogue import DECODERS
from hubel.runtime.engines import INT8
from hubel.runtime.files import sha256
from hubel.runtime.names import unknown

SCHEMA = 1
FACTS = "bundle.json"
MODEL = "model.onnx"
WEIGHTS = "model.safetensors"
GOLDEN = "golden/golden.json"
OUTPUTS = "golden/outputs.npz"  # of tasks whose answers lie in the picture
GRAPHS = {  # the files of int8 graphs, the one to open first
    "onnxruntime": ("int8/onnxruntime.onnx",),
    "openvino": ("int8/openvino.xml", "int8/openvino.bin"),
}
CARD = "README.md"
SUMS = "SHA256SUMS"
HASHING = 2
"""Files that are hashed at the same time: the graph and the tensors are nearly all of a bundle."""
REQUIRED = (FACTS, MODEL, WEIGHTS, GOLDEN, CARD)
LIMITS = {"json": 16 << 20, "sums": 1 << 20, "onnx": 2 << 30}  # bytes
AGAIN = "copy the whole folder again"


class BundleError(ValueError):
    """A bundle that cannot be used; says which file, why, and what to do."""


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. `Bundle.open(path)` reads one; `facts` is all of bundle.json."""

    folder: Path
    task: str
    network: Mapping[str, Any]  # name, words, classes, channels: what networks.create takes; head
    classes: tuple[str, ...]
    preprocess: Preprocess
    temperature: float
    threshold: float  # confidence below which the answer is "I don't know"; 0 answers always
    files: frozenset[str] = field(repr=False)  # names whose hash was right
    facts: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """The network's name."""
        return str(self.network["name"])

    @property
    def model(self) -> Path:
        """The ONNX graph: uint8 pictures (N, H, W, 3) -> `outputs`."""
        return self.folder / MODEL

    @property
    def int8(self) -> tuple[str, ...]:
        """The engines for which there is an int8 graph."""
        return tuple(engine for engine, names in GRAPHS.items() if self.files.issuperset(names))

    def graph(self, engine: str, precision: str) -> Path:
        """The file that an engine opens; ValueError for int8 where the bundle has none for it."""
        if precision != INT8:
            return self.model
        if engine not in self.int8:
            raise ValueError(
                f"{self.folder} has no int8 graph for {engine}; to make one: hubel export "
                f"{self.folder} --int8"
            )
        return self.folder / GRAPHS[engine][0]

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the graph gives, in order; of tasks of classes the logits (N, classes)."""
        return DECODERS[self.task].outputs

    @property
    def of_classes(self) -> bool:
        """Whether the answer is about the whole picture: its classes and their probabilities."""
        return DECODERS[self.task].probabilities is not None

    @property
    def shape(self) -> tuple[int | None, int | None, int]:
        """Of one picture as the graph takes it, (H, W, 3); None where any size goes."""
        if DECODERS[self.task].whole is not None:
            return None, None, 3
        return *self.preprocess.input_size, 3

    @property
    def settings(self) -> dict[str, Any]:
        """The thresholds that the decoding of its task takes."""
        thresholds = self.facts["thresholds"]
        names = DECODERS[self.task].settings
        return {name: thresholds[name] for name in names if name in thresholds}

    @property
    def weights(self) -> Path:
        """The network's tensors, safetensors."""
        return self.folder / WEIGHTS

    @classmethod
    def open(cls, path: str | Path, meanwhile: Callable[[Path], object] | None = None) -> Bundle:
        """Read and verify the bundle in a folder; a run folder stands for the bundle within it.
        While its files are read, `meanwhile(folder)` may do what takes time too.

        Raises BundleError for what is no bundle, for one of a newer schema, and for one with a
        changed or missing file, by name.
        """
        folder = _find(Path(path))
        # The schema first: what a newer one lays out in another way cannot be judged here.
        schema = _peek(folder / FACTS)
        if isinstance(schema, int) and schema > SCHEMA:
            raise BundleError(
                f"{folder / FACTS} has schema version {schema}, newer than this Hubel, which reads "
                f"up to {SCHEMA}; pip install --upgrade hubel"
            )
        return _parse(folder, verify(folder, meanwhile))


def verify(folder: Path, meanwhile: Callable[[Path], object] | None = None) -> frozenset[str]:
    """Hash every file that SHA256SUMS lists, give their names; BundleError at a difference."""
    from concurrent.futures import ThreadPoolExecutor

    sums = _read_sums(folder / SUMS)
    for name in sums:
        path = folder / name
        if not path.exists():
            raise BundleError(f"{path} is missing from the bundle; {AGAIN}")
        if not path.is_file():  # a device or a pipe has no end
            raise BundleError(f"{path} is not a regular file; {AGAIN}")
    with ThreadPoolExecutor(HASHING) as threads:
        hashes = threads.map(sha256, [folder / name for name in sums])
        if meanwhile:
            meanwhile(folder)
        for (name, expected), found in zip(sums.items(), hashes):
            if found != expected:
                raise BundleError(
                    f"{folder / name} was changed after the bundle was written (its SHA-256 "
                    f"differs from {SUMS}); {AGAIN}"
                )
    return frozenset(sums)


def read_json(path: Path) -> Any:
    """A JSON file of a bundle, read only when it is of sensible size."""
    try:
        return json.loads(_read(path, LIMITS["json"]))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise BundleError(f"{path} is not valid JSON ({error}); {AGAIN}") from None


def _find(path: Path) -> Path:
    """The folder of the bundle that a user's path means: a bundle, or a run with its bundle/."""
    if path.is_file():
        raise BundleError(f"{path} is a file; give the bundle's folder, which holds {FACTS}")
    if not path.is_dir():
        raise BundleError(f"{path}: no such folder; check the path")
    for folder in (path, path / "bundle"):
        if (folder / FACTS).is_file():
            return folder
    raise BundleError(
        f"{path} is not a bundle: it holds no {FACTS}; a training leaves one in bundle/ of its run"
    )


def _peek(path: Path) -> object:
    """The schema version of a bundle that is not verified yet, None where it cannot be told."""
    try:
        facts = read_json(path)
    except BundleError:
        return None  # the hash will tell why
    return facts.get("schema") if isinstance(facts, dict) else None


def _read(path: Path, limit: int) -> bytes:
    size = path.stat().st_size
    if size > limit:
        raise BundleError(f"{path} has {size:,} bytes, more than the {limit:,} of any bundle's")
    with path.open("rb") as file:
        return file.read(limit + 1)


def _read_sums(path: Path) -> dict[str, str]:
    """SHA256SUMS -> {name: hash}, every name within the folder, every required file there."""
    if not path.is_file():
        raise BundleError(f"{path} is missing from the bundle; {AGAIN}")
    sums = {}
    text = _read(path, LIMITS["sums"]).decode("utf-8", "replace")
    for number, line in enumerate(text.split("\n")[:-1], 1):
        match = re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line)
        if not match:
            raise BundleError(f"{path}, line {number}: not `hash  name`; {AGAIN}")
        sums[match[2]] = match[1]
    for name in sums:
        if not inside(name):
            raise BundleError(f"{path} names {name!r}, outside the bundle; do not use this bundle")
    for name in REQUIRED:
        if name not in sums:
            raise BundleError(f"{path} does not list {name}; {AGAIN}")
    return sums


def inside(name: str) -> bool:
    """Whether a file name of a bundle stays within its folder, on every system."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not (
        name.startswith("/") or ".." in parts or any(c in name for c in "\\:\0")
    )


def _parse(folder: Path, files: frozenset[str]) -> Bundle:
    """bundle.json -> Bundle, every field of the kind that the code behind it expects."""
    path = folder / FACTS
    facts = read_json(path)

    def check(ok: bool, rule: str) -> None:
        if not ok:
            raise BundleError(f"{path}: {rule}; export the bundle again")

    check(isinstance(facts, dict), "must hold an object")
    check(facts.get("schema") == SCHEMA, f"'schema' is {facts.get('schema')!r}, must be {SCHEMA}")
    if facts.get("task") not in DECODERS:
        raise unknown(f"task in {path}", facts.get("task"), DECODERS)
    classes = facts.get("classes")
    check(
        isinstance(classes, list) and len(classes) > 0 and all(isinstance(c, str) for c in classes),
        "'classes' must be a list of names",
    )
    check(len(set(classes)) == len(classes), "'classes' holds a name twice")
    network = facts.get("network")
    check(
        isinstance(network, dict)
        and isinstance(network.get("name"), str)
        and isinstance(network.get("words"), dict)
        and network.get("classes") == len(classes)
        and network.get("channels") in (1, 3)
        and isinstance(network.get("head", {}), dict),
        "'network' must tell name, words, classes (the number of names) and channels (1 or 3)",
    )
    # They are handed to networks.create, which would take a file's name for weights.
    check(
        not {"name", "classes", "channels", "weights"} & set(network["words"]),
        "'words' are those of the network's family only",
    )
    calibration = facts.get("calibration")
    check(isinstance(calibration, dict), "'calibration' must be an object")
    temperature = calibration.get("temperature")
    check(
        isinstance(temperature, int | float)
        and not isinstance(temperature, bool)
        and math.isfinite(temperature)
        and temperature > 0,
        "'temperature' must be a number above 0",
    )
    thresholds = facts.get("thresholds", {})
    check(isinstance(thresholds, dict), "'thresholds' must be an object")
    threshold = thresholds.get("confidence", 0.0)
    check(
        isinstance(threshold, int | float)
        and not isinstance(threshold, bool)
        and 0 <= threshold <= 1,
        "the threshold 'confidence' must be a number in 0..1",
    )
    settings = [thresholds[name] for name in DECODERS[facts["task"]].settings if name in thresholds]
    check(
        all(type(value) in (int, float) and math.isfinite(value) for value in settings),
        "'thresholds' must be numbers",
    )
    check(isinstance(facts.get("preprocess"), dict), "'preprocess' must be an object")
    try:
        preprocess = Preprocess.from_dict(facts["preprocess"])
    except (ValueError, TypeError, KeyError) as error:
        raise BundleError(f"{path}: 'preprocess': {error}") from None
    check(
        math.prod(preprocess.input_size) <= MAX_PIXELS,
        f"'preprocess' makes pictures of more than {MAX_PIXELS:,} pixels",
    )
    return Bundle(
        folder=folder,
        task=facts["task"],
        network=network,
        classes=tuple(classes),
        preprocess=preprocess,
        temperature=float(temperature),
        threshold=float(threshold),
        files=files,
        facts=facts,
    )
