"""What is known of weights to start from: their network, how it sees pictures, their licence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hubel.networks import specification
from hubel.runtime.bundle import WEIGHTS, Bundle
from hubel.training.recipe import Recipe
from hubel.weights.rows import meant

SEEN = ("network", "words", "preprocess", "canvas", "augment")
"""Fields of a recipe about what is seen; the others are about how it is learnt."""


def seen(recipe: Recipe) -> dict[str, Any]:
    """These fields of a recipe."""
    return {name: getattr(recipe, name) for name in SEEN}


def origin(weights: str) -> dict[str, Any]:
    """These fields as the weights of a run or a bundle were trained with; {} for a bare file.

    A bundle of other hands and published weights do not say how pictures were augmented: then the
    recipe does. Published weights that are scored on larger pictures get the network's own size.
    """
    row, path = meant(weights), Path(weights)
    if row is not None:
        side = min(*row.preprocess.size, specification(row.network).size)
        preprocess = replace(row.preprocess, size=(side, side))
        return {"network": row.network, "words": {}, "preprocess": preprocess}
    if not path.is_dir():
        return {}
    bundle = Bundle.open(path)
    try:
        found = seen(Recipe.from_dict(bundle.facts["training"]["recipe"]))
    except (KeyError, TypeError, ValueError):
        found = {}
    own = {"network": bundle.name, "words": dict(bundle.network["words"])}
    return found | own | {"preprocess": bundle.preprocess}


def located(weights: str | Path) -> str:
    """The name of published weights as it is, a path as an absolute one, for the recipe."""
    return str(weights) if meant(weights) else str(Path(weights).resolve())


def weights_file(weights: str) -> str:
    """The file of weights in a run folder or a bundle; a file and a published name as they are."""
    path = Path(weights)
    inside = (path / "bundle" / WEIGHTS, path / WEIGHTS)
    return next((str(file) for file in inside if file.is_file()), weights)


def licence(weights: str) -> str:
    """What the weights that a training started from may be used for, as far as that is known."""
    row, path = meant(weights), Path(weights)
    if row is not None:
        return row.licence
    known = Bundle.open(path).facts["licences"] if path.is_dir() else {}
    return known.get("weights", "unknown")
