"""Replay the golden pictures: does this machine give what the bundle was written with?"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hubel.runtime.bundle import GOLDEN, OUTPUTS, Bundle, BundleError, inside, read_json
from hubel.runtime.engines import INT8
from hubel.runtime.predictor import Predictor

GOLDEN_OF = "golden/{}.npz"
"""The outputs of another form than float32, by its name as an engine."""

LARGEST = 1 << 30
"""Bytes of outputs that are read; more are no bundle's."""


@dataclass(frozen=True)
class Replay:
    """What differed most over all golden pictures: name -> (difference, limit).

    Names are those of the graph's outputs and, of tasks of classes, `probabilities`.
    `prepared_otherwise` names the files whose pixels this machine's Pillow prepares in another way
    than the one the bundle was written with.
    """

    pictures: int
    differences: Mapping[str, tuple[float, float]]
    prepared_otherwise: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every difference is within its tolerance."""
        return all(found <= limit for found, limit in self.differences.values())

    def __str__(self) -> str:
        """A line for each difference."""
        return ", ".join(
            f"{name} differ by {found:.2g} (at most {limit:.2g})"
            for name, (found, limit) in self.differences.items()
        )


def replay(predictor: Predictor) -> Replay:
    """Send every golden picture the whole way: file, preprocessing, engine, decode.

    Raises BundleError where the golden files are not of the format.
    """
    bundle, form = predictor.bundle, predictor.engine.name
    quantized = form.endswith(INT8)
    pictures, limits = _read(bundle, form if quantized else "float32")
    prepared = [bundle.preprocess(bundle.folder / "golden" / p["file"]) for p in pictures]
    if bundle.of_classes:
        logits = predictor.scores(prepared, batch=8)
        found = {"logits": logits, "probabilities": predictor.probabilities(logits)}
        if quantized:
            expected = _outputs(bundle, GOLDEN_OF.format(form))
            expected["probabilities"] = predictor.probabilities(expected["logits"])
        else:
            expected = {name: np.array([p[name] for p in pictures], np.float64) for name in found}
    else:
        found = dict(zip(bundle.outputs, predictor.outputs(prepared, batch=8)))
        expected = _outputs(bundle, GOLDEN_OF.format(form) if quantized else OUTPUTS)
    return Replay(
        pictures=len(pictures),
        differences={
            name: (_largest(array, expected[name]), limits[name]) for name, array in found.items()
        },
        prepared_otherwise=tuple(
            p["file"] for p, array in zip(pictures, prepared) if fingerprint(array) != p["prepared"]
        ),
    )


def golden_files(bundle: Bundle) -> list[Path]:
    """The golden pictures as they came, before preprocessing."""
    return [bundle.folder / "golden" / p["file"] for p in _read(bundle)[0]]


def golden_pictures(bundle: Bundle) -> np.ndarray:
    """The golden pictures as the network gets them, uint8 (n, H, W, 3)."""
    return np.stack([bundle.preprocess(file) for file in golden_files(bundle)])


def fingerprint(prepared: np.ndarray) -> str:
    """The SHA-256 of a prepared picture's bytes: equal only when every pixel is."""
    return hashlib.sha256(np.ascontiguousarray(prepared).tobytes()).hexdigest()


def _largest(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max(initial=0.0))


def _outputs(bundle: Bundle, name: str) -> dict[str, np.ndarray]:
    """The outputs for all golden pictures, by name, as that file of the bundle has them."""
    path = bundle.folder / name
    try:
        if name not in bundle.files:
            raise ValueError("it is missing")
        with zipfile.ZipFile(path) as file:  # a small file may say that it is a large one
            if sum(entry.file_size for entry in file.infolist()) > LARGEST:
                raise ValueError("it is larger than any bundle's")
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as arrays:
            return {name: arrays[name].astype(np.float64) for name in bundle.outputs}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(
            f"{path} is not of the format ({error}); export the bundle again"
        ) from None


def _read(
    bundle: Bundle, precision: str = "float32"
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    path = bundle.folder / GOLDEN
    golden = read_json(path)
    of_classes, shape = bundle.of_classes, (len(bundle.classes),)
    names = ("logits", "probabilities") if of_classes else bundle.outputs
    try:
        pictures, limits = golden["pictures"], golden["tolerance"][precision]
        well_formed = len(pictures) > 0 and all(
            isinstance(p["file"], str)
            and isinstance(p["prepared"], str)
            and all(np.array(p[n], dtype=np.float64).shape == shape for n in names if of_classes)
            for p in pictures
        )
        limits = {name: float(limits[name]) for name in names}
    except (TypeError, KeyError, ValueError):
        well_formed = False
    if not well_formed:
        raise BundleError(f"{path} is not of the format; export the bundle again")
    for p in pictures:
        name = f"golden/{p['file']}"
        if not inside(name) or name not in bundle.files:
            raise BundleError(f"{path} names {p['file']!r}, which SHA256SUMS does not cover")
    return pictures, limits
