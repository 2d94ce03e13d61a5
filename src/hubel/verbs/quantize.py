"""quantize: an int8 graph for a bundle, that lost no more than it was allowed to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hubel.data import Data, Source, decode
from hubel.export.change import put_int8
from hubel.export.gate import Attempt, Judgement, smallest_drop, through_the_gate
from hubel.export.quantize import QUANTIZERS, TOOLS, quantizable, tool_of
from hubel.runtime.bundle import GRAPHS, Bundle
from hubel.runtime.decode.catalogue import DECODERS
from hubel.runtime.engine import Engine
from hubel.runtime.engines import ENGINES, INT8, named, open_graph
from hubel.runtime.machine import cores
from hubel.runtime.names import unknown
from hubel.runtime.predictor import Predictor
from hubel.tasks.catalogue import TASKS
from hubel.verbs.judge import bundle_judge
from hubel.verbs.scenes import scenes_of, score_on
from hubel.verbs.tags import TagScores
from hubel.verbs.val import Scores, held_out, score

CALIBRATION = 300
"""Training pictures that ranges are measured on, spread evenly over all of them."""


@dataclass(frozen=True)
class Tried:
    """All attempts for an engine; the last one is in the bundle where it `passed`."""

    engine: str
    tool: str
    layers: int
    passed: bool
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class Quantized:
    """What was tried for each engine. Scores are shares of 1, drops are points of 100.

    `smallest` is the smallest drop that so many pictures can show to be more than chance, None
    where the score is no share of right answers.
    """

    bundle: Path
    metric: str
    pictures: int
    calibrated: int
    reference: Judgement
    max_drop: float
    smallest: float | None
    tried: tuple[Tried, ...]

    @property
    def passed(self) -> tuple[str, ...]:
        """The engines whose int8 graph is in the bundle now."""
        return tuple(each.engine for each in self.tried if each.passed)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        return {**asdict(self), "bundle": str(self.bundle), "passed": list(self.passed)}


def quantize(
    bundle: str | os.PathLike[str],
    *,
    max_drop: float = 0.3,
    data: Any = None,
    engines: Sequence[str] = (),
    engine_threads: int | None = None,
    say: Callable[[str], object] = lambda text: None,
) -> Quantized:
    """Give a bundle an int8 graph for each engine that can be quantized for here, or for those that
    are named, if the score on the validation pictures drops by no more than `max_drop` points.

    Ranges are measured on training pictures; the score (top-1, the mean average precision of tags,
    or what the task's best checkpoint is chosen by) is taken in the engine itself. Where all layers
    in int8 lose too much, those that disturb the outputs most stay in float32, up to half of them.
    `data` is what the bundle was trained on, by default where that lay then, or other data with
    training and validation pictures. For an engine that does not pass the bundle has no int8 graph
    afterwards; an earlier one gives way.

    Raises ValueError for bundles and data that cannot be used and engines without their tool.
    """
    opened = Bundle.open(Path(bundle))
    if not 0 <= max_drop <= 100:
        raise ValueError(f"max_drop={max_drop}: points of 100, such as 0.3")
    if DECODERS[opened.task].whole is not None:
        raise ValueError(
            f"int8 is for networks that are scored by class; this one is for {opened.task}"
        )
    names = tuple(engines) or quantizable()
    for name in names:
        if name not in ENGINES:
            raise unknown("engine", name, ENGINES)
    missing = [name for name in names if name not in quantizable()]
    if missing or not names:
        name = (missing or [*TOOLS])[0]
        raise ValueError(
            f"int8 for {name} needs it and {TOOLS[name]}, which are not installed here: pip "
            "install 'hubel[train,deploy]'"
        )
    found = _data(opened, data)
    pictures = _calibration(opened, found)
    threads = engine_threads or cores()
    plain = Predictor(opened, engine=Engine(opened, threads=threads))
    judged = _judged if opened.of_classes else _judged_scenes
    reference, metric, count = judged(plain, found)
    predictors: dict[str, Predictor | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        tried = []
        for name in names:
            path = Path(folder) / Path(GRAPHS[name][0]).name
            quantizer = QUANTIZERS[name](opened)
            opens = partial(_predictor, opened, name, threads=threads)
            ok, attempts = through_the_gate(
                quantizer,
                path,
                pictures,
                plain=plain,
                reference=reference,
                opened=opens,
                judge=lambda predictor: judged(predictor, found)[0],
                max_drop=max_drop,
                say=say,
            )
            tried.append(Tried(name, tool_of(name), len(quantizer.layers), ok, attempts))
            predictors[name] = opens(path) if ok else None
        made = Quantized(
            opened.folder,
            metric,
            count,
            len(pictures),
            reference,
            max_drop,
            smallest_drop(count) if metric == "top-1" else None,
            tuple(tried),
        )
        put_int8(opened, Path(folder), predictors, _facts(made))
        del predictors  # Windows keeps a file that is open
    return made


def _predictor(bundle: Bundle, engine: str, path: Path, *, threads: int) -> Predictor:
    """The bundle on an int8 graph that is not in it yet."""
    session, form = open_graph(engine, path, threads), named(engine, INT8)
    ready = Engine(bundle, threads=threads, name=form, session=session)
    return Predictor(bundle, engine=ready)


def _data(bundle: Bundle, data: Any) -> Data:
    """What calibrates and what judges."""
    if data is None:
        try:
            data = bundle.facts["training"]["recipe"]["data"]
        except (KeyError, TypeError):
            raise ValueError(
                f"{bundle.folder} does not say what it was trained on; name the data: --data DATA"
            ) from None
    opened = held_out if bundle.of_classes else scenes_of
    found = data if isinstance(data, Data) else opened(data, bundle)
    if not len(found.train) or not len(found.val):
        raise ValueError(
            f"{found.where} are not the pictures of this bundle's training and have no training "
            "part of their own, which int8 is calibrated on; give data with folders train and val"
        )
    return found


def _calibration(bundle: Bundle, data: Data) -> np.ndarray:
    """Training pictures as the graph takes them, uint8 (n, H, W, 3)."""
    count = len(data.train)
    chosen = np.linspace(0, count - 1, min(CALIBRATION, count)).round().astype(int)
    source = data.train.take(chosen)
    plain = Source(source.classes, source.names, chosen, source.pictures, source.files)
    pictures, _ = decode(plain, bundle.preprocess)
    arrays = np.stack([np.asarray(pictures.arrays[i]) for i in range(len(pictures))])
    return np.ascontiguousarray(np.broadcast_to(arrays, (*arrays.shape[:3], 3)))


def _judged(predictor: Predictor, data: Data) -> tuple[Judgement, str, int]:
    """The score and that of each class that has pictures, what it is called, and of how many."""
    found = score(bundle_judge(predictor), data, 32)
    if isinstance(found, TagScores):
        each = {name: ap for name, (_, ap, _) in found.per_class.items() if ap is not None}
        score_, name = found.mean_average_precision, "mean average precision"
        return Judgement(score_, each), name, found.pictures
    assert isinstance(found, Scores)
    shares = {name: right / n for name, (n, right) in found.per_class.items() if n}
    return Judgement(found.top1, shares), "top-1", found.pictures


def _judged_scenes(predictor: Predictor, data: Data) -> tuple[Judgement, str, int]:
    """The same of answers that lie in the picture."""
    found = score_on(predictor, data, 8)
    name = TASKS[predictor.bundle.task].better.removeprefix("val_")
    return Judgement(found.best, found.per_class), name, found.pictures


def _facts(made: Quantized) -> dict[str, dict[str, Any]]:
    """What bundle.json keeps of each engine that passed."""
    return {
        each.engine: {
            "tool": each.tool,
            "calibrated": made.calibrated,
            "pictures": made.pictures,
            "metric": made.metric,
            "float32": made.reference.score,
            "int8": each.attempts[-1].score,
            "drop": each.attempts[-1].drop,
            "max_drop": made.max_drop,
            "per_class": dict(each.attempts[-1].per_class),
            "floats": list(each.attempts[-1].floats),
        }
        for each in made.tried
        if each.passed
    }
