"""The bundles in service, each with its engine and its queue."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubel.pictures import PictureError
from hubel.pictures.admit import admit
from hubel.runtime.bundle import CARD
from hubel.runtime.choice import FASTEST
from hubel.runtime.decode.catalogue import DECODERS
from hubel.runtime.names import unknown
from hubel.runtime.predictor import Answer, Predictor, load
from hubel.serve.batcher import Batcher, Busy, Done, Settled, settle
from hubel.serve.errors import Refused, busy
from hubel.serve.limits import Limits


@dataclass(frozen=True)
class Asked:
    """A picture's file and how many classes are asked for."""

    data: bytes
    top: int


@dataclass(frozen=True)
class Told:
    """What a bundle says about a picture of this (height, width)."""

    answer: Answer
    size: tuple[int, int]


Answered = Done[Told | PictureError]


def _deliver(found: Settled) -> None:
    """Answers of a batch to those who wait for them, in one turn of their loop."""
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        found[0][0].get_loop().call_soon_threadsafe(settle, found)


class Served:
    """A bundle in service: the pictures of many requests are answered in batches."""

    def __init__(self, name: str, predictor: Predictor, limits: Limits):
        self.name, self.predictor, self.limits = name, predictor, limits
        self.bundle = predictor.bundle
        whole = DECODERS[self.bundle.task].whole is not None
        self.most = min(limits.pixels, limits.enlarged) if whole else limits.pixels
        self.batcher = Batcher[Asked, Told | PictureError](self._run, limits, name, _deliver)

    def submit(self, pictures: Sequence[bytes], top: int) -> list[asyncio.Future[Answered]]:
        """Put files into the queue; Refused with 429 where not all of them may wait."""
        loop = asyncio.get_running_loop()
        try:
            return self.batcher.submit([Asked(data, top) for data in pictures], loop.create_future)
        except Busy:
            raise busy() from None

    async def answers(
        self, futures: Sequence[asyncio.Future[Answered]], until: float
    ) -> list[Answered]:
        """An answer or a PictureError for each, before the time.monotonic() `until`.

        Refused with 429 where their turn did not come in time, and with 504 where the network
        itself takes longer.
        """
        _, late = await asyncio.wait(futures, timeout=max(until - time.monotonic(), 0.001))
        if late:
            begun = self.batcher.runs(futures)
            for one in late:
                one.cancel()
            if begun:
                raise Refused(504, f"no answer within {self.limits.timeout:g} seconds")
            raise busy("the turn of this request did not come in time")
        return [one.result() for one in futures]

    def _run(self, asked: list[Asked]) -> list[Told | PictureError]:
        """In the batcher's thread: a batch of files -> what is said about each."""
        found: list[Told | PictureError | None] = [None] * len(asked)
        sizes: dict[int, tuple[int, int]] = {}
        for i, one in enumerate(asked):
            try:
                sizes[i] = admit(one.data, self.most)
            except PictureError as error:
                found[i] = error
        top = max(one.top for one in asked)
        files = [asked[i].data for i in sizes]
        answers = self.predictor.stream(files, top, max(1, len(files)))
        for i, answer in zip(sizes, answers):
            if answer.error:
                found[i] = PictureError("picture", "unreadable", answer.error)
            else:
                found[i] = Told(answer, sizes[i])
        return found  # type: ignore[return-value]

    @property
    def explainable(self) -> bool:
        """Whether its answers are for classes, of which one can be explained by itself."""
        return self.bundle.task != "tags" and DECODERS[self.bundle.task].whole is None

    def summary(self) -> dict[str, Any]:
        """What a client must know to ask: task, classes, size, the threshold of "I don't know"."""
        height, width = self.bundle.preprocess.input_size
        return {
            "name": self.name,
            "task": self.bundle.task,
            "network": self.bundle.name,
            "engine": self.predictor.engine.name,
            "classes": list(self.bundle.classes),
            "input": [height, width],
            "threshold": self.bundle.threshold,
            "explains": self.explainable and has_torch(),
        }

    def card(self) -> dict[str, Any]:
        """The model card: all that bundle.json tells, and the card as people read it."""
        text = (self.bundle.folder / CARD).read_text(encoding="utf-8", errors="replace")
        return {**self.summary(), "facts": dict(self.bundle.facts), "card": text}


class Models(Mapping[str, Served]):
    """The bundles by name; the first is the one that is meant where none is named."""

    def __init__(
        self,
        places: Sequence[str | os.PathLike[str]],
        limits: Limits,
        *,
        engine: str = FASTEST,
        threads: int | None = None,
    ):
        if not places:
            raise ValueError("no bundle to serve; name one or more")
        self._all: dict[str, Served] = {}
        for place in places:
            predictor = load(
                place, engine=engine, threads=threads, batch=limits.batch, spinning=False
            )
            name = _free(named(predictor.bundle.folder), self._all)
            self._all[name] = Served(name, predictor, limits)

    def __getitem__(self, name: str) -> Served:
        return self._all[name]

    def __iter__(self):
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def find(self, name: str | None) -> Served:
        """By name; Refused with the nearest names where there is none."""
        if name is None:
            return next(iter(self._all.values()))
        if name not in self._all:
            raise Refused(404, str(unknown("model", name[:100], self._all)))
        return self._all[name]

    def close(self) -> None:
        """Answer what waits; take nothing more."""
        for served in self._all.values():
            served.batcher.close()


def has_torch() -> bool:
    """Whether networks can be looked into here."""
    return importlib.util.find_spec("torch") is not None


def named(bundle: Path) -> str:
    """A run's name for its bundle, else the folder's, in letters that need no quoting in a URL."""
    folder = bundle.resolve()
    folder = folder.parent if folder.name == "bundle" else folder
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name).strip("-.") or "model"


def _free(name: str, taken: Mapping[str, object]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
