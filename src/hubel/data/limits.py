"""Which values a step of augmentation may have; its name and theirs are in every message."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


def check(step: Any, **limits: tuple[float, float]) -> None:
    """ValueError unless each field is a number, whole where its type is int, within its limits."""
    kinds = {field.name: field.type for field in fields(step)}
    for word, (low, high) in limits.items():
        _number(step, word, getattr(step, word), whole=kinds[word] == "int", low=low, high=high)


def check_fill(step: Any) -> None:
    """ValueError unless `fill` is a value in 0..255 or "mean"."""
    if step.fill != "mean":
        _number(step, "fill", step.fill, whole=False, low=0, high=255, other=" or 'mean'")


def pair(step: Any, word: str, limits: tuple[float, float], *, rising: bool = False) -> None:
    """Make a tuple of a field of two numbers; they are whole unless they are a `rising` range."""
    values = getattr(step, word)
    meaning = "(least, most)" if rising else "(height, width)"
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise ValueError(f"{_name(step)}: {word}={values!r}; it is {meaning}")
    for value in values:
        _number(step, word, value, whole=not rising, low=limits[0], high=limits[1])
    if rising and values[0] > values[1]:
        raise ValueError(f"{_name(step)}: {word}={values!r}; it is {meaning}")
    object.__setattr__(step, word, tuple(values))


def _number(
    step: Any, word: str, value: Any, *, whole: bool, low: float, high: float, other: str = ""
) -> None:
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        number = "a whole number" if whole else "a number"
        rule = f"it is {number} in {low:g}..{high:g}{other}"
        raise ValueError(f"{_name(step)}: {word}={value!r}; {rule}")


def _name(step: Any) -> str:
    return type(step).__name__.lower()
