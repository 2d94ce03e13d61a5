"""The engines that run a graph, a page for each, behind one small protocol. No torch.

A page is loaded when its engine is opened: whoever answers with one does not wait for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hubel.runtime.machine import version
from hubel.runtime.names import unknown

if TYPE_CHECKING:
    import numpy as np

PAGES = {"onnxruntime": "ort", "openvino": "ov"}

ENGINES = tuple(PAGES)
"""By the names of their packages."""

DEFAULT = "onnxruntime"
"""It comes with every install."""

INT8 = "int8"
"""A precision that a bundle has where it was made and passed its gate; docs/bundle.md."""


def parted(name: str) -> tuple[str, str]:
    """An engine as a user names it -> its package and precision: "openvino-int8" is OpenVINO on the
    bundle's int8 graph, "openvino" computes in float32. ValueError for others.
    """
    known = [named(engine, precision) for engine in ENGINES for precision in ("float32", INT8)]
    if name not in known:
        raise unknown("engine", name, known)
    engine, _, precision = name.partition("-")
    return engine, precision or "float32"


@dataclass(frozen=True)
class Port:
    """An input or output of a graph; an axis of None takes any length."""

    name: str
    kind: str  # of its numbers, as numpy calls it
    shape: tuple[int | None, ...]


class Session(Protocol):
    """A graph, ready to run."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def run(self, pictures: np.ndarray) -> list[np.ndarray]:
        """uint8 (N, H, W, 3) -> the graph's outputs, in its order."""
        ...


def available() -> tuple[str, ...]:
    """The engines that are installed here."""
    return tuple(name for name in ENGINES if find_spec(name))


def named(engine: str, precision: str) -> str:
    """The other way round."""
    return f"{engine}-{INT8}" if precision == INT8 else engine


def version_of(engine: str) -> str | None:
    """The version of an engine, None where it is not installed."""
    return version(engine)


def open_graph(
    engine: str,
    path: Path,
    threads: int,
    *,
    kept: Path | None = None,
    precision: str = "float32",
    spinning: bool = True,
) -> Session:
    """Open an ONNX file (OpenVINO: also its own .xml) on an engine.

    `kept` is a folder in which an engine may keep what it compiles. `precision` is that of the
    computation: bfloat16 on OpenVINO only; an int8 graph is float32 around its quantized layers.
    Without `spinning` threads that wait leave the processor to others.
    ValueError for an unknown engine and for one that is not installed; what the engine itself
    raises has no common class.
    """
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if not find_spec(engine):
        raise ValueError(f"the engine {engine} is not installed here: pip install 'hubel[deploy]'")
    page = page_of(engine)
    if engine == "openvino":
        return page.OpenVino(path, threads, kept=kept, precision=precision)
    if precision != "float32":
        raise ValueError(f"precision={precision!r}: ONNX Runtime computes this graph in float32")
    return page.OnnxRuntime(path, threads, spinning=spinning)


def page_of(engine: str) -> Any:
    """The module of an engine, which imports the engine itself."""
    return import_module(f"hubel.runtime.engines.{PAGES[engine]}")
