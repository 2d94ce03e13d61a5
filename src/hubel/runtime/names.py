"""An unknown name is answered with the nearest known ones."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def unknown(kind: str, word: object, known: Iterable[str]) -> ValueError:
    """The error for a `word` that is none of the `known` names.

    `raise unknown("network", name, VARIANTS)` names the nearest known names; where none is near,
    all of them if they are few, else the first ones.
    """
    names = sorted(set(known))
    lower = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(str(word).lower(), lower, n=3, cutoff=0.6)
    if near:
        hint = f"did you mean {' or '.join(repr(lower[name]) for name in near)}?"
    elif not names:
        hint = "there is none"
    elif len(names) <= 20:
        hint = f"known: {', '.join(names)}"
    else:
        hint = f"known: {', '.join(names[:20])} and {len(names) - 20} more"
    return ValueError(f"unknown {kind} {str(word)!r}; {hint}")


def bound(
    kind: str, table: Mapping[str, Callable[..., T]], words: Mapping[str, object]
) -> Callable[..., T]:
    """The function that {"name": ..., option: value, ...} names in the table, with its options
    bound.

    Options are the function's keyword-only parameters. An unknown name or option, or a missing
    option, is a ValueError that says what there is.
    """
    options = {word: value for word, value in words.items() if word != "name"}
    name = str(words.get("name"))
    if name not in table:
        raise unknown(kind, name, table)
    parameters = inspect.signature(table[name]).parameters.values()
    known = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    for word in options:
        if word not in known:
            raise unknown(f"option of the {kind} {name}", word, known)
    missing = [word for word, default in known.items() if default is inspect.Parameter.empty]
    for word in missing:
        if word not in options:
            raise ValueError(f"the {kind} {name} needs the option {word!r}, which was not given")
    return functools.partial(table[name], **options)
