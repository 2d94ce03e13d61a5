"""Sizes as one types them."""

from __future__ import annotations

import re
from collections.abc import Sequence


def sides(size: str | Sequence[int]) -> tuple[int, ...]:
    """ "3x224x224" -> (3, 224, 224); ValueError for what are no whole numbers of at least 1."""
    if not isinstance(size, str):
        return tuple(size)
    if not re.fullmatch(r"\d{1,9}([xX×,]\d{1,9})*", size.replace(" ", ""), re.ASCII):
        raise ValueError(f"{size!r} is no size; write the channels and the sides as 3x224x224")
    return tuple(map(int, re.split("[xX×,]", size.replace(" ", ""))))
