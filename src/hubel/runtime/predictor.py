"""A bundle that answers: pictures of any kind in, the most probable classes out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hubel.pictures import PictureError, list_pictures
from hubel.runtime.bundle import Bundle
from hubel.runtime.decode.classify import softmax, top_k
from hubel.runtime.decode.tags import SHOWN, sigmoid
from hubel.runtime.engine import Engine


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


class Predictor:
    """A loaded bundle: `predict` answers for pictures, `scores` gives logits for arrays."""

    def __init__(self, bundle: Bundle, *, threads: int | None = None):
        self.bundle = bundle
        self.engine = Engine(bundle, threads=threads)

    def __repr__(self) -> str:
        height, width = self.bundle.preprocess.input_size
        return (
            f"Predictor({self.bundle.name}, {len(self.bundle.classes)} classes, "
            f"pictures {height} x {width}, {self.bundle.folder})"
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
        prepared = self.bundle.preprocess(source)
        return self._answers([_name(source, 1)], prepared[None], top)[0]

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
                results = list(pool.map(self._prepare, (source for _, source in chunk)))
                names = [_name(source, number) for number, source in chunk]
                yield from self._merge(names, results, top)

    def scores(self, pictures: np.ndarray | Sequence[np.ndarray], batch: int = 32) -> np.ndarray:
        """Prepared pictures, uint8 (N, H, W, 3) -> logits, float32 (N, classes)."""
        parts = [np.empty((0, len(self.bundle.classes)), np.float32)]
        for start in range(0, len(pictures), batch):
            parts.append(self.engine(np.asarray(pictures[start : start + batch])))
        return np.concatenate(parts)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Logits (N, classes) -> probabilities of the same shape, by the bundle's temperature."""
        return DECODE[self.bundle.task](logits, self.bundle.temperature)

    def _prepare(self, source: Any) -> np.ndarray | str:
        try:
            return self.bundle.preprocess(source)
        except PictureError as error:
            return error.message
        except OSError as error:
            return str(error)

    def _merge(
        self, names: list[str], results: list[np.ndarray | str], top: int
    ) -> Iterator[Answer]:
        """Answers for the pictures that could be read, errors for the others, in their order."""
        good = [r for r in results if not isinstance(r, str)]
        good_names = [n for n, r in zip(names, results) if not isinstance(r, str)]
        answers = iter(self._answers(good_names, np.stack(good), top)) if good else iter(())
        for name, result in zip(names, results):
            yield Answer(name, error=result) if isinstance(result, str) else next(answers)

    def _answers(self, names: list[str], prepared: np.ndarray, top: int) -> list[Answer]:
        probabilities = self.probabilities(self.engine(prepared))  # (N, classes)
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


DECODE = {"classify": softmax, "tags": sigmoid}
"""Task -> (logits, temperature) -> probabilities."""


def load(path: str | os.PathLike[str], *, threads: int | None = None) -> Predictor:
    """Load a bundle, or the bundle of a run folder, to answer for pictures. Needs no torch.

    `threads` is how many threads a batch may use, by default one for each processor. Every file of
    the bundle is verified. Raises BundleError, a ValueError that names the file and the remedy.
    """
    return Predictor(Bundle.open(Path(path)), threads=threads)


def _name(source: Any, number: int) -> str:
    """A path as it was given; other pictures by their place, counted from 1."""
    return os.fspath(source) if isinstance(source, str | os.PathLike) else f"picture {number}"
