"""Answers that are pictures: places drawn over a picture, maps of classes, larger pictures."""

from __future__ import annotations

from functools import partial

from hubel.pictures import PictureError, read_picture
from hubel.runtime.decode.catalogue import Seen
from hubel.runtime.decode.segment import ClassMap
from hubel.runtime.decode.upscale import Larger
from hubel.runtime.predictor import Answer
from hubel.serve.aside import Aside, png, url
from hubel.serve.errors import Refused, unreadable
from hubel.serve.limits import Limits
from hubel.serve.models import Served, Told


class Drawer:
    """Draws one answer at a time, in a thread of its own."""

    def __init__(self, limits: Limits):
        self._aside = Aside(limits, "drawings")
        self.close = self._aside.close

    async def drawing(self, served: Served, told: Told, data: bytes) -> bytes:
        """A PNG for people: what was seen, drawn over its picture, or the larger picture."""
        return await self._aside.done(partial(_drawing, served, told.answer, data))

    async def pixels(self, seen: Seen | None) -> str | None:
        """A PNG for programs, as a data URL; None where the answer is no picture."""
        if isinstance(seen, ClassMap):
            return await self._aside.done(partial(url, seen.numbers))
        if isinstance(seen, Larger):
            return await self._aside.done(partial(url, seen.pixels))
        return None


def drawable(served: Served) -> None:
    """Refused with 409 where the answers are classes, not places."""
    if served.bundle.of_classes:
        rule = "ask /predict for them, or /explain for what speaks for one"
        raise Refused(409, f"this network tells classes, which are not drawn; {rule}")


def _drawing(served: Served, answer: Answer, data: bytes) -> bytes:
    try:
        picture = read_picture(data, background=served.bundle.preprocess.background)
    except PictureError as error:
        raise unreadable(error) from None
    seen = answer.seen
    return png(picture if seen is None else seen.drawn(picture, served.bundle.classes))
