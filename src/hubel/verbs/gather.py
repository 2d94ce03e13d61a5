"""The pictures of a training: opened, decoded, counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from hubel.data import (
    Data,
    Finding,
    SceneData,
    Source,
    decode,
    decode_scenes,
    kind_of,
    open_data,
    open_scenes,
)
from hubel.data.draws import order
from hubel.data.geometry import Crop
from hubel.data.held_out import held_out
from hubel.data.labels import relabelled
from hubel.data.loader import as_sample
from hubel.data.pairs import decode_pairs, open_pictures
from hubel.data.types import class_counts, strata
from hubel.pictures import Preprocess
from hubel.tasks.catalogue import OF_CLASSES, TASKS
from hubel.tasks.upscale import CHANNELS, scale_of
from hubel.training.recipe import Recipe

Own = tuple[Any, Any]
"""A training and a validation set of one's own: map-style, of `Sample`s or (picture, target) pairs.
"""


@dataclass(frozen=True)
class Gathered:
    """The pictures of a run, decoded, and what was left out."""

    train: Any
    val: Any
    classes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """What a user should know besides, such as a cache that could not be written."""
    data: Data | None = None

    @property
    def counted(self) -> list[int]:
        """Training pictures of every class, in their order."""
        if self.data is not None:
            return list(self.counts.get("train", {}).values())
        targets = [as_sample(self.train[i], i).target for i in range(len(self.train))]
        return class_counts(np.array(targets), len(self.classes)).tolist()

    @property
    def several(self) -> bool:
        """Whether a picture may have several classes, or none."""
        if self.data is not None:
            return self.data.several
        return len(self.train) > 0 and np.ndim(as_sample(self.train[0], 0).target) > 0

    @property
    def _targets(self) -> dict[str, np.ndarray]:
        """Of the pictures that were decoded; of those with scenes, of all that were opened."""
        if isinstance(self.data, SceneData):
            return {"train": self.data.train.targets, "val": self.data.val.targets}
        return {"train": self.train.targets, "val": self.val.targets}

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Pictures per part and class; empty for data sets of one's own."""
        if self.data is None or not self.data.classes:
            return {}
        return {
            part: dict(zip(self.classes, class_counts(targets, len(self.classes)).tolist()))
            for part, targets in self._targets.items()
        }


TASK_OF = {"classes": "classify", "objects": "detect", "masks": "instances", "maps": "segment"}
"""Kind of data -> the task that it is for, where none is named."""


def task_of(data: Any) -> str:
    """The task that data are for, by looking at them."""
    if isinstance(data, SceneData):
        return TASK_OF[data.kind]
    if isinstance(data, Data | tuple):
        return "classify"
    return TASK_OF[kind_of(data)]


def gather_in_picture(
    recipe: Recipe, data: Any, say: Callable[[str], None] = lambda text: None
) -> Gathered:
    """Open and decode data of a task whose answers lie in the picture."""
    for field, value in (("labels", recipe.labels), ("folds", recipe.folds)):
        if value:
            raise ValueError(f"{field} are for classes, not for {recipe.task}; leave them out")
    kind = TASKS[recipe.task].data
    if kind == "pairs":
        return _pairs(recipe, data, say)
    found: Any = data
    if not isinstance(data, SceneData):
        found = open_scenes(data, seed=recipe.split, val=recipe.val, kind=kind)
    found = _few(found, recipe)
    ways: dict[str, Any] = {"masks": kind == "masks", "say": say}
    steps: dict[str, Any] = {"augment": recipe.augment, "canvas": recipe.canvas}
    train, bad = decode_scenes(found.train, recipe.seen, **steps, **ways)
    val, worse = decode_scenes(found.val, recipe.seen, **ways)
    notes = tuple(dict.fromkeys(part.note for part in (train, val) if part.note))
    findings = (*found.findings, *bad, *worse)
    return Gathered(train, val, found.classes, findings, notes, found)


def opened(data: Any, split: int, val: float, download: bool) -> Data:
    """`data` as it is, or what lies there."""
    if isinstance(data, Data):
        return data
    return open_data(data, seed=split, val=val, download=download)


def gather(
    recipe: Recipe,
    data: Any,
    classes: Sequence[str] | None,
    download: bool,
    say: Callable[[str], None] = lambda text: None,
) -> Gathered:
    """Open and decode. The canvas is for training: for random crops pictures of their own shape,
    else squares. Validation sees exactly what prediction will.
    """
    if recipe.task not in OF_CLASSES and not isinstance(data, tuple):
        return gather_in_picture(recipe, data, say)
    if isinstance(data, tuple):
        if recipe.pictures:
            rule = "it takes a part of data that Hubel opens; shorten your own data sets yourself"
            raise ValueError(f"pictures={recipe.pictures}; {rule}")
        if not classes:
            raise ValueError("data sets of your own need `classes`, the list of their class names")
        if recipe.labels:
            raise ValueError("labels are for data that Hubel opens; correct those of your own sets")
        if recipe.folds:
            raise ValueError("folds are of data that Hubel opens; divide data sets of your own")
        return Gathered(data[0], data[1], tuple(classes))
    share = 1 if recipe.folds else recipe.val
    found = relabelled(opened(data, recipe.split, share, download), recipe.labels)
    if recipe.folds:
        found = held_out(found, seed=recipe.split, folds=recipe.folds, fold=recipe.fold or 1)
    found = _few(found, recipe)
    size: dict[str, Any] = {}
    if recipe.canvas and recipe.augment and isinstance(recipe.augment[0], Crop):
        size = {"least": recipe.canvas}
    elif recipe.canvas:
        size = {"canvas": (recipe.canvas, recipe.canvas)}
    train, bad = decode(found.train, recipe.seen, say=say, **size)
    val, worse = decode(found.val, recipe.seen, say=say)
    notes = tuple(dict.fromkeys(made.note for made in (train, val) if made.note))
    return Gathered(train, val, found.classes, (*found.findings, *bad, *worse), notes, found)


def _pairs(recipe: Recipe, data: Any, say: Callable[[str], None]) -> Gathered:
    """Pictures with their small forms: patches to train on, whole ones to score on."""
    if not isinstance(data, Data):
        data = open_pictures(data, seed=recipe.split, val=recipe.val)
    data = _few(data, recipe)
    words: dict[str, Any] = {"scale": scale_of(recipe.head), "filter": recipe.seen.filter}
    train, bad = decode_pairs(data.train, patch=recipe.seen.size, say=say, **words)
    val, worse = decode_pairs(data.val, say=say, **words)
    notes = tuple(dict.fromkeys(p.pictures.note for p in (train, val) if p.pictures.note))
    classes = CHANNELS[recipe.seen.channels]
    return Gathered(train, val, classes, (*data.findings, *bad, *worse), notes, data)


def _few(data: Data, recipe: Recipe) -> Data:
    """At most `recipe.pictures` of either part, evenly from the classes, chosen as the split is."""

    def taken(source: Source) -> Source:
        if recipe.pictures is None or len(source) <= recipe.pictures:
            return source
        lots = order(recipe.split, 0, len(source))
        among = strata(source.targets)
        lots = lots[np.argsort(among[lots], kind="stable")]  # by class, each in its order
        first = np.searchsorted(among[lots], among[lots])
        turns = np.argsort(np.arange(len(lots)) - first, kind="stable")  # one of each, then again
        return source.take(np.sort(lots[turns[: recipe.pictures]]))

    return replace(data, train=taken(data.train), val=taken(data.val))


def own_preprocess(data: Own) -> Preprocess:
    """For data sets of one's own: their pictures as they are, scaled to about -2..2."""
    if hasattr(data[0], "batch"):
        depth, height, width = data[0].batch(0, 0, np.arange(1), ()).pictures.shape[1:]
    else:
        height, width, depth = as_sample(data[0][0], 0).picture.shape
    channels: Literal[1, 3] = 1 if depth == 1 else 3
    middle, spread = (0.5,) * channels, (0.25,) * channels
    return Preprocess((height, width), channels=channels, mean=middle, std=spread)
