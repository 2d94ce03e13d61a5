"""What the OpenAPI description tells of the service's requests and refusals."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query

from hubel.serve.shapes import Error
from hubel.serve.upload import FORM, JSON

FAULTS = {400: "malformed", 401: "no token", 403: "another origin", 404: "no such model"}
FAULTS |= {408: "sent too slowly", 413: "too large", 415: "not a picture", 421: "another host"}
FAULTS |= {422: "cannot be used", 429: "busy: try again"}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": words} for status, words in FAULTS.items()
}
PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}}, "description": "A picture."}
}
UNDRAWN: dict[int | str, dict[str, Any]] = {
    409: {"model": Error, "description": "this network's answers are no such thing"}
}
ASKED: dict[int | str, dict[str, Any]] = {
    k: v for k, v in REFUSALS.items() if k in (401, 403, 404, 421, 422)
}

Which = Annotated[
    str | None, Query(alias="model", description="A name of /models; by default the first.")
]
Top = Annotated[int, Query(ge=1, le=1000, description="How many classes to tell.")]
Class = Annotated[str | None, Query(description="The class to explain; by default the answer.")]
Pixels = Annotated[
    bool, Query(description="Also `pixels`, where the answer is a map of classes or a picture.")
]
Method = Literal["gradcam", "gradcam_plus", "occlusion"]


def upload(one: bool) -> dict[str, Any]:
    """The OpenAPI description of a body with a picture, or with several."""
    text = {"type": "string", "contentEncoding": "base64"}
    file = {"type": "string", "format": "binary"}
    field, sent, coded = (
        ("picture", file, text)
        if one
        else ("pictures", {"type": "array", "items": file}, {"type": "array", "items": text})
    )
    return {
        "requestBody": {
            "required": True,
            "content": {
                kind: {
                    "schema": {
                        "type": "object",
                        "properties": {field: schema},
                        "required": [field],
                        "additionalProperties": False,
                    }
                }
                for kind, schema in ((FORM, sent), (JSON, coded))
            },
        }
    }


def some(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These refusals."""
    return {status: REFUSALS[status] for status in statuses}
