"""Run a bundle: read it, run its graph, decode the answer. No torch."""

from typing import Any


def __getattr__(name: str) -> Any:
    # Lazy: whoever imports only names or files of this room does not wait for the engine.
    if name == "load":
        from hubel.runtime.predictor import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
