"""Recipes: runnable pages. Each holds one `RECIPE`; its docstring has the command, the minutes and
the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from hubel.data import Source
from hubel.pictures import PictureError, read_picture
from hubel.runtime.names import unknown
from hubel.training.recipe import Recipe

PAGES = (
    *("digits", "lenet5-1998", "lecture", "resnet14", "resnet-2015", "speed"),
    *("alexnet-2012", "modern", "photos", "finetune", "features"),
    *("detect", "instances", "segment", "localize", "upscale", "cells", "roads", "nuclei"),
)
SHORT = ("digits", "lenet5-1998", "resnet14", "speed")
"""Pages of minutes, which a network's name alone brings with it."""


QUICK = {"epochs": 3, "steps": None, "minutes": None, "pictures": 2000}
"""What --quick changes: the whole course of a recipe, on few pictures."""


def load(name: str) -> Recipe:
    """The recipe of that page, or of a recipe.yaml by its path. An unknown name is answered
    with the nearest.
    """
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise ValueError(f"{name}: there is no such recipe file")
        return Recipe.load(Path(name))
    if name not in PAGES:
        raise unknown("recipe", name, PAGES)
    return page(name).RECIPE.replace(recipe=name)


def page(name: str) -> ModuleType:
    """The module of a recipe."""
    return import_module(f"hubel.recipes.{name.replace('-', '_')}")


@dataclass(frozen=True)
class Look:
    """What pictures look like from a sample of them: median short side in pixels, and whether
    all are grey.
    """

    side: int
    grey: bool


def look(source: Source, sample: int = 16) -> Look:
    """Look at a few pictures spread over the source; `decode` lists those that cannot be read."""
    sides, grey = [], True
    for i in np.linspace(0, len(source.names) - 1, sample).round().astype(int):
        try:
            picture = read_picture(source.read(int(i)))  # (H, W, 3)
        except PictureError:
            continue
        sides.append(min(picture.shape[:2]))
        grey = grey and bool((picture == picture[..., :1]).all())
    if not sides:
        raise ValueError(f"none of {sample} pictures can be read; the first is {source.names[0]!r}")
    return Look(int(np.median(sides)), grey)


def default(look: Look) -> str:
    """The page for pictures of that look: what trains in minutes on a laptop."""
    if look.side > 64:
        return "photos"
    return "digits" if look.grey else "resnet14"


def of_task(task: str) -> str:
    """The first page that trains for this task."""
    pages = {page(name).RECIPE.task: name for name in reversed(PAGES)}
    if task not in pages:
        raise unknown("task with a recipe", task, pages)
    return pages[task]


def of_network(network: str) -> str | None:
    """The short page that was written for this network, if there is one."""
    return next((name for name in SHORT if page(name).RECIPE.network == network), None)
