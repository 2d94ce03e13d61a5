"""The ways to run a bundle on this machine: engines, precisions, devices."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from hubel.runtime.bundle import Bundle
from hubel.runtime.engine import Engine
from hubel.runtime.engines import ENGINES, INT8, Session, available, named, open_graph
from hubel.runtime.golden import replay
from hubel.runtime.predictor import Predictor


@dataclass(frozen=True)
class Way:
    """An engine of the runtime, or a form of the network in torch; what it computes in, and where.

    `str(way)` is its name in tables: "openvino", "openvino-int8", "compiled cuda".
    """

    engine: str
    precision: str = "float32"
    device: str = "cpu"

    def __str__(self) -> str:
        name = named(self.engine, self.precision)
        return name if self.device == "cpu" else f"{name} {self.device}"

    @property
    def ships(self) -> bool:
        """Whether `hubel predict` can take it: an engine of the runtime, in a form with golden
        answers.
        """
        return self.engine in ENGINES and self.precision in ("float32", INT8)


def ways(bundle: Bundle) -> list[Way]:
    """All that are here; a network of one's own, whose code no bundle starts, not in torch."""
    found = [Way(name) for name in available()]
    found += [Way(name, INT8) for name in available() if name in bundle.int8]
    if "openvino" in available():
        from hubel.runtime.engines.ov import precisions

        found += [Way("openvino", precision) for precision in precisions()[1:]]
    if find_spec("torch") and ":" not in bundle.name:
        from hubel.export.eager import FORMS, devices

        found += [Way(form, p, device) for device, p in devices() for form in FORMS]
    return found


def open_way(way: Way, bundle: Bundle, threads: int) -> Engine:
    """The engine of a way. Where it cannot be had here, its libraries raise what they like."""
    if way.ships:
        engine = Engine(bundle, threads=threads, name=str(way))
        if way.precision == INT8 and not (found := replay(Predictor(bundle, engine=engine))).ok:
            # A processor that multiplies int8 in another way.
            raise ValueError(f"its golden pictures are answered otherwise here: {found}")
        return engine
    session: Session
    if way.engine in ENGINES:
        session = open_graph(way.engine, bundle.model, threads, precision=way.precision)
    else:
        from hubel.export.bundle import load_module
        from hubel.export.deployed import Deployed, fused
        from hubel.export.eager import Eager

        module = fused(Deployed(load_module(bundle), bundle.preprocess))
        session = Eager(
            module, bundle, threads=threads, form=way.engine, precision=way.precision,
            device=way.device,
        )  # fmt: skip
    return Engine(bundle, threads=threads, name=way.engine, session=session)
