"""Replay the golden pictures: does this machine give what the bundle was written with?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from hubel.runtime.bundle import GOLDEN, Bundle, BundleError, inside, read_json
from hubel.runtime.predictor import Predictor


@dataclass(frozen=True)
class Replay:
    """The largest differences over all golden pictures and classes, and their limits.

    `prepared_otherwise` names the files whose pixels this machine's Pillow prepares in another way
    than the one the bundle was written with.
    """

    pictures: int
    logits: float
    probabilities: float
    logits_limit: float
    probabilities_limit: float
    prepared_otherwise: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every difference is within its tolerance."""
        return self.logits <= self.logits_limit and self.probabilities <= self.probabilities_limit


def replay(predictor: Predictor) -> Replay:
    """Send every golden picture the whole way: file, preprocessing, engine, decode.

    Raises BundleError where golden.json is not of the format.
    """
    bundle = predictor.bundle
    pictures, limits = _read(bundle)
    prepared = [bundle.preprocess(bundle.folder / "golden" / p["file"]) for p in pictures]
    logits = predictor.scores(prepared, batch=8)
    probabilities = predictor.probabilities(logits)
    return Replay(
        pictures=len(pictures),
        logits=_largest(logits, [p["logits"] for p in pictures]),
        probabilities=_largest(probabilities, [p["probabilities"] for p in pictures]),
        logits_limit=limits["logits"],
        probabilities_limit=limits["probabilities"],
        prepared_otherwise=tuple(
            p["file"] for p, array in zip(pictures, prepared) if fingerprint(array) != p["prepared"]
        ),
    )


def fingerprint(prepared: np.ndarray) -> str:
    """The SHA-256 of a prepared picture's bytes: equal only when every pixel is."""
    return hashlib.sha256(np.ascontiguousarray(prepared).tobytes()).hexdigest()


def _largest(found: np.ndarray, expected: list[list[float]]) -> float:
    return float(np.abs(found - np.array(expected, dtype=np.float64)).max())


def _read(bundle: Bundle) -> tuple[list[dict[str, Any]], dict[str, float]]:
    path = bundle.folder / GOLDEN
    golden = read_json(path)
    classes = len(bundle.classes)
    try:
        pictures, limits = golden["pictures"], golden["tolerance"]["float32"]
        well_formed = len(pictures) > 0 and all(
            isinstance(p["file"], str)
            and isinstance(p["prepared"], str)
            and np.array(p["logits"], dtype=np.float64).shape == (classes,)
            and np.array(p["probabilities"], dtype=np.float64).shape == (classes,)
            for p in pictures
        )
        limits = {key: float(limits[key]) for key in ("logits", "probabilities")}
    except (TypeError, KeyError, ValueError):
        well_formed = False
    if not well_formed:
        raise BundleError(f"{path} is not of the format; export the bundle again")
    for p in pictures:
        name = f"golden/{p['file']}"
        if not inside(name) or name not in bundle.files:
            raise BundleError(f"{path} names {p['file']!r}, which SHA256SUMS does not cover")
    return pictures, limits
