"""The recipe of a training: by name, by network, or by what the pictures look like."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import nn

from hubel import recipes
from hubel.data import Data, SceneData, open_scenes
from hubel.data.augment import Crop, Cut, Erase, Shift
from hubel.data.hub import place_of
from hubel.data.labels import read_labels
from hubel.data.open_scenes import KINDS
from hubel.networks import specification
from hubel.pictures import Preprocess
from hubel.tasks.catalogue import OF_CLASSES, TASKS
from hubel.training.recipe import Recipe
from hubel.verbs.gather import opened, own_preprocess, task_of
from hubel.verbs.origin import located, origin, seen

STRIDE = 32
"""Pixels that a cell of the last map of most networks stands for."""


def choose(
    data: Any,
    network: str | nn.Module | None,
    recipe: str | Recipe | None,
    words: dict[str, Any] | None,
    download: bool,
    changes: dict[str, Any],
) -> Recipe:
    """The recipe, with the changes applied; `look` at the pictures decides what was not said.

    With weights and no recipe it learns as `finetune` does. How pictures are seen comes with the
    weights of a run or bundle, unless the recipe is a complete one.
    """
    (changes, left_open), asked = _left_open(recipe, changes), recipe
    if isinstance(recipe, str):
        recipe = recipes.load(recipe)
    if recipe and recipe.soup:
        again = " ".join(recipe.soup)
        raise ValueError(f"this recipe is of averaged weights; make it again: hubel soup {again}")
    if data is None and (recipe is None or not recipe.data):
        raise ValueError("no data: name a folder with a folder per class, or digits for a start")
    data = recipe.data if data is None and recipe else data
    if download and isinstance(data, str | Path):
        place_of(data, download)  # the looks below and those of the training find it here
    named = network if isinstance(network, str) else ""
    chosen, look, from_weights = recipe, None, {}
    task = changes.pop("task", None) or (recipe.task if recipe else task_of(data))
    in_picture = task not in OF_CLASSES
    without = changes.pop("without", ())
    if changes.pop("quick", False):
        changes = {**recipes.QUICK, **changes}
    if changes.get("weights"):
        changes["weights"] = located(changes["weights"])
    if changes.get("weights") and (asked is None or asked in recipes.PAGES):
        from_weights = origin(changes["weights"])
    if chosen is None:
        page = recipes.of_task(task) if in_picture else recipes.of_network(named)
        if page is None:
            look = _look(data, changes, download)
            page = recipes.default(look)
        chosen = recipes.load(page)
        if in_picture and "size" not in changes and not from_weights:
            chosen = _shaped(chosen, data, changes)
        if changes.get("weights"):
            chosen = recipes.load("finetune").replace(**seen(chosen))
    if from_weights:
        chosen = _sized(chosen, from_weights["preprocess"].size).replace(**from_weights)
    if isinstance(network, nn.Module):
        chosen = chosen.replace(network=type(network).__name__, words={})
        chosen = chosen if asked else chosen.replace(sizes=())  # they are those of its network
    elif named and named != chosen.network:
        if in_picture:
            chosen = chosen.replace(network=named, words={})
        else:
            look = look or _look(data, changes, download)
            chosen = _other_network(chosen, named, words or {}, look)
    if words:
        chosen = chosen.replace(words={**chosen.words, **words})
    if isinstance(data, tuple):
        own = own_preprocess(data)
        if from_weights and chosen.seen.channels == own.channels:
            own = replace(own, mean=chosen.seen.mean, std=chosen.seen.std)
        chosen = _sized(chosen, own.size).replace(preprocess=own, canvas=None)
    else:
        where = data.where if isinstance(data, Data) else data
        there = Path(where).exists()
        chosen = chosen.replace(data=str(Path(where).resolve()) if there else str(where))
    given = {"lr"} & {*changes, *changes.get("optimizer", ())}
    if "lr" in changes:
        chosen = chosen.replace(optimizer={**chosen.optimizer, "lr": changes.pop("lr")})
    if isinstance(changes.get("labels"), str | Path):
        changes["labels"] = read_labels(changes["labels"])
    head = changes.get("head", {})
    if head.get("name") in (None, chosen.head.get("name")):  # else other words belong to it
        changes["head"] = {**chosen.head, **head}
    if "size" in changes:
        side = changes.pop("size")
        chosen = _sized(chosen, (side, side))
    if changes.get("minutes") is not None:
        changes = {"steps": None, **changes}
    elif "epochs" in changes:
        changes = {"steps": None, "minutes": None, **changes}
    if "augment" in changes and not any(isinstance(s, Crop | Cut) for s in changes["augment"]):
        changes = {"canvas": None, **changes}  # there is nothing to cut from a larger picture
    automatic = tuple(sorted({*chosen.automatic, *left_open} - {*changes, *given}))
    return chosen.replace(task=task, automatic=automatic, **changes).without(*without)


def _left_open(
    recipe: str | Recipe | None, changes: dict[str, Any]
) -> tuple[dict[str, Any], set[str]]:
    """The changes without a batch that is to be found out, and what was left automatic of batch and
    rate: both where the recipe was chosen by the pictures; a page that was named gives its own.
    """
    asked = changes.get("batch", 0) in (None, "auto")
    changes = {name: value for name, value in changes.items() if name != "batch" or not asked}
    return changes, {"batch", "lr"} if recipe is None else {"batch"} if asked else set()


def _look(data: Any, changes: dict[str, Any], download: bool) -> recipes.Look:
    """What the pictures look like: those of one's own are all alike."""
    if isinstance(data, tuple):
        preprocess = own_preprocess(data)
        return recipes.Look(min(preprocess.size), preprocess.channels == 1)
    found = opened(data, changes.get("split", 0), changes.get("val", Recipe.val), download)
    return recipes.look(found.train)


def _shaped(recipe: Recipe, data: Any, changes: dict[str, Any]) -> Recipe:
    """The recipe for pictures of the shape that most of the data have, no side longer than the
    page's longest, up to the next multiple of the coarsest STRIDE.
    """
    kind = TASKS[recipe.task].data
    if kind not in KINDS:
        return recipe
    if not isinstance(data, SceneData):
        split, val = changes.get("split", 0), changes.get("val", Recipe.val)
        data = open_scenes(data, seed=split, val=val, kind=kind)
    height, width = np.median([scene.size for scene in data.train.scenes], axis=0).tolist()
    times = min(1, max(recipe.seen.size) / max(height, width)) / STRIDE
    return _sized(recipe, (math.ceil(height * times) * STRIDE, math.ceil(width * times) * STRIDE))


def _other_network(
    recipe: Recipe, network: str, words: dict[str, Any], look: recipes.Look
) -> Recipe:
    """The recipe around another network: at the pictures' own size where the network allows it,
    up to its own.
    """
    spec = specification(network, **words)
    base = recipe.preprocess or Preprocess((spec.size, spec.size))
    side = min(spec.size, max(look.side, base.input_size[0]))
    plain = replace(base, pad=0)
    if spec.channels != base.channels:
        channels: Literal[1, 3] = 1 if spec.channels == 1 else 3
        middle, spread = (0.5,) * channels, (0.25,) * channels
        plain = replace(plain, channels=channels, mean=middle, std=spread)
    # Whether pictures may grow is the affair of the network that the page was written for.
    recipe = recipe.replace(network=network, words=words, preprocess=plain, sizes=())
    return _sized(recipe, (side, side))


def _sized(recipe: Recipe, size: tuple[int, int]) -> Recipe:
    """The recipe for pictures of that size: canvas, training crops, the sides of early pictures
    and lengths in pixels keep their proportions.
    """
    seen = recipe.seen
    canvas = round(max(size) * recipe.canvas / max(seen.size)) if recipe.canvas else None
    times = max(size) / max(seen.size)

    def sized(step: Any) -> Any:
        if isinstance(step, Crop | Cut):
            return replace(step, size=size)
        if isinstance(step, Shift):
            return replace(step, pixels=round(step.pixels * times))
        if isinstance(step, Erase):
            return replace(step, side=max(1, round(step.side * times)))
        return step

    steps = tuple(sized(step) for step in recipe.augment)
    sizes = tuple((until, round(side * times)) for until, side in recipe.sizes)
    seen = replace(seen, size=size)
    return recipe.replace(preprocess=seen, canvas=canvas, augment=steps, sizes=sizes)
