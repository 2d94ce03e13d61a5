"""What a run or a bundle says about its weights: the network, and how it sees pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hubel.runtime.bundle import WEIGHTS, Bundle
from hubel.training.recipe import Recipe

SEEN = ("network", "words", "preprocess", "canvas", "augment")
"""Fields of a recipe about what is seen; the others are about how it is learnt."""


def seen(recipe: Recipe) -> dict[str, Any]:
    """These fields of a recipe."""
    return {name: getattr(recipe, name) for name in SEEN}


def origin(weights: str) -> dict[str, Any]:
    """These fields as the weights of a run or a bundle were trained with; {} for a bare file.

    A bundle of other hands may not say how pictures were augmented: then the recipe does.
    """
    path = Path(weights)
    if not path.is_dir():
        return {}
    bundle = Bundle.open(path)
    try:
        found = seen(Recipe.from_dict(bundle.facts["training"]["recipe"]))
    except (KeyError, TypeError, ValueError):
        found = {}
    own = {"network": bundle.name, "words": dict(bundle.network["words"])}
    return found | own | {"preprocess": bundle.preprocess}


def weights_file(path: Path) -> Path:
    """The file of weights in a run folder or a bundle, or the file itself."""
    inside = (path / "bundle" / WEIGHTS, path / WEIGHTS)
    return next((file for file in inside if file.is_file()), path)
