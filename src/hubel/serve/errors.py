"""What the service answers when it does not answer: a status and one sentence."""

from __future__ import annotations

from collections.abc import Mapping

from hubel.pictures import PictureError


class Refused(Exception):
    """A request that gets another answer than it asked for: status 4xx, and why in a sentence."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(status, message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


def busy(what: str = "too much is waiting already") -> Refused:
    """Back-pressure: the same request will be taken a little later."""
    return Refused(429, f"{what}; try again in a second", {"Retry-After": "1"})


KINDS = {"too large": 413, "not a picture": 415, "empty": 422}


def unreadable(error: PictureError) -> Refused:
    """The answer to a picture that cannot be used."""
    return Refused(KINDS.get(error.kind, 422), f"the picture {error.message}")
