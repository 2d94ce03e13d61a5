"""The forms of the service's answers, as its OpenAPI description tells them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

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
    """What the network says about a picture. `label` is null where it does not know (`unsure`), or
    where no tag is there. `labels`: of a bundle for tags, all that are there. `seen`: the part of
    the picture that the network saw, [left, top, width, height] in its pixels.
    """

    label: str | None
    confidence: float = Field(ge=0, le=1)
    unsure: bool
    top: list[Rank]
    labels: list[str] | None = None
    picture: Size
    seen: list[float] = Field(min_length=4, max_length=4)


class Seconds(Form):
    """How long the picture waited for its batch, and how long the batch took."""

    wait: float
    compute: float


class Prediction(Said):
    """The answer to /predict; `batch` is how many pictures the engine took together."""

    model: str
    seconds: Seconds
    batch: int


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
    classes: list[str]
    input: list[int]
    threshold: float
    explains: bool


class Card(Summary):
    """The model card: bundle.json in `facts`, and the card as Markdown in `card`."""

    facts: dict[str, Any]
    card: str


def said(served: Served, told: Told, top: int) -> dict[str, Any]:
    """One picture's answer as `Said`."""
    answer = told.answer
    height, width = told.size
    seen = served.bundle.preprocess.seen(told.size)
    words: dict[str, Any] = {
        "label": answer.label,
        "confidence": answer.confidence,
        "unsure": answer.unsure,
        "top": [{"label": label, "confidence": p} for label, p in answer.top[:top]],
        "picture": {"width": width, "height": height},
        "seen": [round(x, 3) for x in seen],
    }
    if answer.labels is not None:
        words["labels"] = list(answer.labels)
    return words


def seconds(done: Answered) -> dict[str, float]:
    """As `Seconds`."""
    return {"wait": round(done.waited, 6), "compute": round(done.took, 6)}
