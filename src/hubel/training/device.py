"""The device a training runs on."""

from __future__ import annotations

import torch


def device(name: str = "auto", number: int | None = None) -> torch.device:
    """The device of that name; `auto` takes a GPU where there is one, and the one of that number
    for one of several processes. A missing one is a ValueError.
    """
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        name = next(n for n in ("cuda", "mps", "cpu") if there[n])
    kind = name.split(":")[0]
    if kind not in there:
        raise ValueError(f"unknown device {name!r}; known: auto, {', '.join(there)}")
    if not there[kind]:
        found = ", ".join(n for n, is_there in there.items() if is_there)
        raise ValueError(f"device {name!r} is not there on this machine, which has: {found}")
    return (
        torch.device(kind, number) if kind == "cuda" and number is not None else torch.device(name)
    )
