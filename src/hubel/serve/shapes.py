"""The forms of the service's answers, as its OpenAPI description tells them."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from hubel.runtime.decode.catalogue import DECODERS
from hubel.serve.models import Answered, Served, Told


class Form(BaseModel):
    """A form that tells all of its fields."""

    model_config = ConfigDict(extra="forbid")


class Rank(Form):
    """A class and its probability."""

    label: str
    confidence: float = Field(ge=0, le=1)


class Size(Form):
    """Of the upright picture, in pixels."""

    width: int
    height: int


class Said(Form):
    """What the network says about a picture. `seen` is the part of the picture that the network
    saw: [left, top, width, height] in its pixels.

    Of classes: `top`, the most probable first; `label`, null where the network does not know
    (`unsure`) or no tag is there; of a bundle for tags `labels`, all that are there. Of places in
    the picture: `told` in words, and `found` as `hubel predict --json` gives it, boxes in pixels.
    """

    label: str | None = None
    confidence: float | None = Field(None, ge=0, le=1)
    unsure: bool | None = None
    top: list[Rank] | None = None
    labels: list[str] | None = None
    told: str | None = None
    found: dict[str, Any] | None = None
    picture: Size
    seen: list[float] = Field(min_length=4, max_length=4)


class Seconds(Form):
    """How long the picture waited for its batch, and how long the batch took."""

    wait: float
    compute: float


class Prediction(Said):
    """The answer to /predict; `batch` is how many pictures the engine took together.

    `pixels`, where it was asked for, is a PNG in a data URL: of a map of classes one grey value for
    each pixel of the picture, the place of its class in /models and 255 for none; of a picture that
    was made larger, that picture.
    """

    model: str
    seconds: Seconds
    batch: int
    pixels: str | None = None


class Unreadable(Form):
    """A picture of a batch that cannot be used, and why."""

    error: str


class Predictions(Form):
    """The answer to /batch: one for each picture, in their order."""

    model: str
    answers: list[Said | Unreadable]


class Error(Form):
    """Why a request was refused, in a sentence."""

    error: str


class Summary(Form):
    """What a client must know of a model; `input` is the (height, width) that the network sees,
    `explains` whether /explain and /maps answer.
    """

    name: str
    task: str
    network: str
    engine: str
    classes: list[str]
    input: list[int]
    threshold: float
    explains: bool


class Card(Summary):
    """The model card: bundle.json in `facts`, and the card as Markdown in `card`."""

    facts: dict[str, Any]
    card: str


class Time(Form):
    """Milliseconds of one picture by itself: the median of some rounds, and their extremes."""

    engine: str
    milliseconds: float
    fastest: float
    slowest: float


class Timed(Form):
    """The engines of a model, the fastest first; `input` is the (height, width) of the picture."""

    model: str
    threads: int
    input: list[int]
    engines: list[Time]


def said(served: Served, told: Told, top: int) -> dict[str, Any]:
    """One picture's answer as `Said`."""
    answer, classes = told.answer, served.bundle.classes
    height, width = told.size
    words: dict[str, Any] = {
        "picture": {"width": width, "height": height},
        "seen": seen(served, told.size),
    }
    if answer.seen is not None:
        found = answer.seen.to_dict(classes)
        return {"told": answer.seen.told(classes), "found": found, **words}
    ranks = [{"label": label, "confidence": p} for label, p in answer.top[:top]]
    words |= {"label": answer.label, "confidence": answer.confidence, "unsure": answer.unsure}
    words["top"] = ranks
    if answer.labels is not None:
        words["labels"] = list(answer.labels)
    return words


def seen(served: Served, size: tuple[int, int]) -> list[float]:
    """Where the network's input lies over a picture of this (height, width), in its pixels: left,
    top, width, height. What it adds around the picture lies outside of it.
    """
    if DECODERS[served.bundle.task].whole is not None:
        return [0.0, 0.0, float(size[1]), float(size[0])]
    place = served.bundle.preprocess.placement(size)
    height, width = served.bundle.preprocess.input_size
    corner, far = np.array([0, 0, width, height]) - place.offset, place.scale
    left, top, right, bottom = (corner / far).tolist()
    return [round(side, 3) for side in (left, top, right - left, bottom - top)]


def seconds(done: Answered) -> dict[str, float]:
    """As `Seconds`."""
    return {"wait": round(done.waited, 6), "compute": round(done.took, 6)}
