"""Published weights: which there are, fetching, pairing of names, the report of what was loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubel.weights.rows import Weights, imagenet, listed, published

if TYPE_CHECKING:
    from hubel.weights.download import fetch as fetch
    from hubel.weights.loading import Report as Report
    from hubel.weights.loading import load as load

__all__ = ["Report", "Weights", "fetch", "imagenet", "listed", "load", "published"]


def __getattr__(name: str) -> Any:
    # Lazy: whoever only asks which weights there are does not wait for the framework.
    if name in ("Report", "load"):
        from hubel.weights import loading

        return getattr(loading, name)
    if name == "fetch":
        from hubel.weights.download import fetch

        return fetch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
