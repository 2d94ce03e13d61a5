"""A bundle that answers: pictures of any kind in, classes or what else was found out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hubel.pictures import PictureError, list_pictures, read_picture
from hubel.runtime.bundle import Bundle
from hubel.runtime.choice import FASTEST, chosen
from hubel.runtime.decode.catalogue import DECODERS, Seen
from hubel.runtime.decode.classify import top_k
from hubel.runtime.decode.tags import SHOWN
from hubel.runtime.engine import Engine
from hubel.runtime.engines import DEFAULT, page_of, parted

SMALL = 16 << 10
"""Bytes of a file that is decoded sooner than another thread takes it over."""


@dataclass(frozen=True)
class Answer:
    """What a bundle says about one picture; one that cannot be read has an `error`, no label.

    Where the bundle has a threshold and the best class is below it, the label is None and `unsure`
    true: "I don't know". `top` has the classes all the same.
    """

    name: str
    label: str | None = None  # the most probable class; of tags only where one is there
    confidence: float | None = None  # probability of the best class, 0..1
    top: tuple[tuple[str, float], ...] = ()  # (class, probability), most probable first
    error: str | None = None
    unsure: bool = False
    labels: tuple[str, ...] | None = None  # of a bundle for tags: all that are there
    seen: Seen | None = None  # of other tasks: boxes, masks, a map, a larger picture

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Plain values for JSON: what there is of `name` and `error`, and of what was found."""
        if self.seen is not None:
            return {"name": self.name, **self.seen.to_dict(classes)}
        values = dataclasses.asdict(self)
        del values["seen"]
        return values


class Predictor:
    """A loaded bundle: `predict` answers for pictures, `scores` gives logits for arrays."""

    def __init__(self, bundle: Bundle, *, threads: int | None = None, engine: Engine | None = None):
        self.bundle = bundle
        self.engine = engine or Engine(bundle, threads=threads)

    def __repr__(self) -> str:
        height, width = self.bundle.preprocess.input_size
        return (
            f"Predictor({self.bundle.name}, {len(self.bundle.classes)} classes, "
            f"pictures {height} x {width}, {self.bundle.folder}, {self.engine.name})"
        )

    def predict(self, source: Any, top: int = 5, batch: int = 32) -> Answer | list[Answer]:
        """The answer for a picture, or a list of answers for a list of pictures or a folder.

        A picture is whatever read_picture reads: a path, bytes, a PIL picture, an array. One that
        cannot be read raises PictureError when it is asked for alone; in a list its answer carries
        the error.
        """
        if isinstance(source, str | os.PathLike) and Path(source).is_dir():
            return list(self.stream(list_pictures(source), top, batch))
        # An open file is an iterator too, but means one picture.
        if isinstance(source, list | tuple | Iterator) and not hasattr(source, "read"):
            return list(self.stream(source, top, batch))
        return self._answers([_name(source, 1)], [self._ready(source)], top)[0]

    def stream(self, sources: Iterable[Any], top: int = 5, batch: int = 32) -> Iterator[Answer]:
        """The answers in the order of the sources, a batch at a time, so that any number fits."""
        if batch < 1:
            raise ValueError(f"batch {batch}: must be at least 1")
        # Imported here: a single picture, the common call, is answered without it.
        from concurrent.futures import ThreadPoolExecutor

        numbered = enumerate(sources, 1)
        # Threads are enough: Pillow decodes and resizes outside Python's lock.
        with ThreadPoolExecutor(self.engine.threads) as pool:
            while chunk := list(islice(numbered, batch)):
                many = [source for _, source in chunk]
                small = all(isinstance(one, bytes) and len(one) < SMALL for one in many)
                results = list((map if small else pool.map)(self._prepare, many))
                names = [_name(source, number) for number, source in chunk]
                yield from self._merge(names, results, top)

    def scores(self, pictures: np.ndarray | Sequence[np.ndarray], batch: int = 32) -> np.ndarray:
        """Prepared pictures, uint8 (N, H, W, 3) -> logits, float32 (N, classes)."""
        if not len(pictures):
            return np.empty((0, len(self.bundle.classes)), np.float32)
        return self.outputs(pictures, batch)[0]

    def outputs(
        self, pictures: np.ndarray | Sequence[np.ndarray], batch: int = 32
    ) -> list[np.ndarray]:
        """Prepared pictures, uint8 (N, H, W, 3), one at least -> what the graph gives for them, in
        the order of the bundle's outputs, float32 (N, ...) each.
        """
        starts = range(0, len(pictures), batch)
        parts = [self.engine(np.asarray(pictures[i : i + batch])) for i in starts]
        return [np.concatenate(arrays) for arrays in zip(*parts)]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Logits (N, classes) -> probabilities of the same shape, by the bundle's temperature."""
        decode = DECODERS[self.bundle.task].probabilities
        if decode is None:
            raise ValueError(f"a bundle for {self.bundle.task} gives no probabilities of classes")
        return decode(logits, self.bundle.temperature)

    def decoded(self, outputs: Sequence[np.ndarray], size: tuple[int, ...]) -> Seen:
        """The outputs for one picture of `size` (height, width) -> what was found in it."""
        bundle, way = self.bundle, DECODERS[self.bundle.task]
        if way.decode is None:
            raise ValueError(f"the outputs of a bundle for {bundle.task} are decoded otherwise")
        return way.decode(outputs, bundle.preprocess, size, len(bundle.classes), **bundle.settings)

    def _ready(self, source: Any) -> _Ready:
        picture = read_picture(source, background=self.bundle.preprocess.background)
        if DECODERS[self.bundle.task].whole is not None:
            return picture, picture.shape[:2]
        return self.bundle.preprocess.prepared(picture), picture.shape[:2]

    def _prepare(self, source: Any) -> _Ready | str:
        try:
            return self._ready(source)
        except PictureError as error:
            return error.message
        except OSError as error:
            return str(error)

    def _merge(self, names: list[str], results: list[_Ready | str], top: int) -> Iterator[Answer]:
        """Answers for the pictures that could be read, errors for the others, in their order."""
        good = [r for r in results if not isinstance(r, str)]
        good_names = [n for n, r in zip(names, results) if not isinstance(r, str)]
        answers = iter(self._answers(good_names, good, top)) if good else iter(())
        for name, result in zip(names, results):
            yield Answer(name, error=result) if isinstance(result, str) else next(answers)

    def _answers(self, names: list[str], ready: list[_Ready], top: int) -> list[Answer]:
        whole = DECODERS[self.bundle.task].whole
        if whole is not None:
            way, settings = self.bundle.preprocess, self.bundle.settings
            return [
                Answer(name, seen=whole(self.engine, picture, way, **settings))
                for name, (picture, _) in zip(names, ready)
            ]
        outputs = self.engine(np.stack([prepared for prepared, _ in ready]))
        if not self.bundle.of_classes:
            sizes = (size for _, size in ready)
            return [
                Answer(name, seen=self.decoded([array[n] for array in outputs], size))
                for n, (name, size) in enumerate(zip(names, sizes))
            ]
        probabilities = self.probabilities(outputs[0])  # (N, classes)
        answers = []
        for name, p, order in zip(names, probabilities, top_k(probabilities, top)):
            ranked = tuple((self.bundle.classes[i], float(p[i])) for i in order)
            label, confidence = ranked[0]
            if self.bundle.task == "tags":
                there = (i for i in top_k(p, len(p)) if p[i] >= SHOWN)
                labels = tuple(self.bundle.classes[i] for i in there)
                known = label if labels else None
                answers.append(Answer(name, known, confidence, top=ranked, labels=labels))
                continue
            unsure = confidence < self.bundle.threshold
            known = None if unsure else label
            answers.append(Answer(name, known, confidence, top=ranked, unsure=unsure))
        return answers


_Ready = tuple[np.ndarray, tuple[int, ...]]
"""A prepared picture, and the (height, width) it had before."""


def load(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    engine: str = DEFAULT,
    batch: int = 1,
    spinning: bool = True,
) -> Predictor:
    """Load a bundle, or the bundle of a run folder, to answer for pictures. Needs no torch.

    `threads` is how many threads a batch may use, by default one for each processor. `engine` is
    "onnxruntime", "openvino", one of them with "-int8" where the bundle has it, or "fastest": what
    `hubel bench --save` found for about `batch` pictures at a time. Without `spinning` threads that
    wait leave the processor to whatever else the process does. Every file of the bundle is
    verified. Raises BundleError, a ValueError that names the file and the remedy.
    """
    name = engine

    def choose(folder: Path) -> None:
        nonlocal name
        if engine == FASTEST:
            choice = chosen(folder, batch)
            name = choice.name if choice else DEFAULT
        with suppress(Exception):  # opening will tell
            page_of(parted(name)[0])

    bundle = Bundle.open(Path(path), choose)
    return Predictor(bundle, engine=Engine(bundle, threads=threads, name=name, spinning=spinning))


def _name(source: Any, number: int) -> str:
    """A path as it was given; other pictures by their place, counted from 1."""
    return os.fspath(source) if isinstance(source, str | os.PathLike) else f"picture {number}"
