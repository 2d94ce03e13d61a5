"""Score a bundle on data, or prove that it runs here as it did where it was written."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hubel.runtime.bundle import Bundle
from hubel.runtime.engines import DEFAULT
from hubel.runtime.golden import Replay, replay
from hubel.runtime.names import unknown
from hubel.runtime.predictor import load
from hubel.verbs.judge import Judge, answers, bundle_judge, published_judge
from hubel.verbs.tags import TagScores, score_tags
from hubel.verbs.upscale import score_enlarged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hubel.data import Data, Source
    from hubel.verbs.scenes import SceneScores


T = TypeVar("T")


@dataclass(frozen=True)
class Scores:
    """Scores of a bundle, or of published weights, on data; accuracies are shares, 0..1.

    `interval` holds the true top-1 with 95 % confidence (Wilson). `per_class` tells for every class
    how many pictures it has and how many of them were answered right. `left_out` are the pictures
    that could not be read, with the reason.
    """

    bundle: str
    data: str
    split: str
    views: str
    pictures: int
    top1: float
    top5: float
    interval: tuple[float, float]
    per_class: dict[str, tuple[int, int]]
    left_out: dict[str, str]


def val(
    bundle: str | os.PathLike[str],
    data: Any = None,
    *,
    part: str = "val",
    golden: bool = False,
    views: str = "plain",
    batch: int = 32,
    engine: str = DEFAULT,
    engine_threads: int | None = None,
) -> Scores | TagScores | SceneScores | Replay:
    """Score a bundle on a part of `data`, val or test, or replay its golden pictures.

    `bundle` may also name published weights ("timm/resnet50.tv_in1k"): that network is scored, in
    torch, on folders called as its classes or by their WordNet numbers, as ImageNet's are.
    `data` is what open_data takes, or what it gives; its classes are matched by name. Where it has
    no validation part, all of it is scored, but of the data the bundle was trained on only what was
    held out. `engine` runs the bundle: onnxruntime or openvino. Answers are the mean over the
    `views` of that name (tasks/views.py, and ten-crop and dense of tasks/crops.py; where pictures
    are enlarged, self-ensemble). Needs `hubel[train]` for data, and no torch for the golden
    pictures. Raises ValueError for a bundle or data that cannot be used.
    """
    if golden == (data is not None):
        raise ValueError("val takes data to score on, or golden (--golden); give one of them")
    if golden:
        return replay(load(bundle, engine=engine, threads=engine_threads))
    judge = _published(bundle, engine_threads)
    if judge is None:
        predictor = load(bundle, engine=engine, threads=engine_threads)
        if predictor.bundle.task == "upscale":
            return score_enlarged(predictor, data, part, views)
        if not predictor.bundle.of_classes:
            from hubel.verbs.scenes import score_on

            for word, given, usual in (("part", part, "val"), ("views", views, "plain")):
                if given != usual:
                    task = predictor.bundle.task
                    raise ValueError(f"{word}={given} is for classes, not for {task}; leave it out")
            return score_on(predictor, data, batch)
        judge = bundle_judge(predictor)
        opened = _opened(data, predictor.bundle)
    else:
        opened = _opened(data, None)
    return score(judge, opened, batch, views, part)


def _published(name: str | os.PathLike[str], threads: int | None) -> Judge | None:
    """The judge of published weights of that name; None for a path, and for anything else."""
    if Path(name).exists():
        return None
    from hubel.weights.rows import meant

    row = meant(os.fspath(name))
    return None if row is None else published_judge(row, threads)


def _opened(data: Any, bundle: Bundle | None) -> Data:
    from hubel.data import Data, open_data

    if isinstance(data, Data):
        return data
    return open_data(data, val=1) if bundle is None else held_out(data, bundle)


def score(
    judge: Judge, opened: Data, batch: int, views: str = "plain", part: str = "val"
) -> Scores | TagScores:
    """Score the pictures of a part under these views."""
    import numpy as np

    from hubel.analysis.errors import confusion, per_class, wilson
    from hubel.tasks.crops import LARGER
    from hubel.tasks.outcome import Outcome
    from hubel.tasks.views import VIEWS

    if views not in (*VIEWS, *LARGER):
        raise unknown("views", views, (*VIEWS, *LARGER))
    classes = judge.classes
    known = [judge.aliases.get(name, name) for name in opened.classes]
    strange = sorted(set(known) - set(classes))
    if strange:
        raise ValueError(
            f"{opened.where} has classes that {judge.name} does not know: {_some(strange)}; "
            f"it knows {_some(classes)}"
        )
    several = opened.several
    if several != (judge.task == "tags"):
        kinds = ("one class", "any number of classes")
        raise ValueError(
            f"{opened.where} has {kinds[several]} a picture, and this bundle tells "
            f"{kinds[not several]}; score it on data of its own kind"
        )
    if several and views != "plain":
        raise ValueError(f"views={views} are for one class a picture; leave them out for tags")
    source, split = _part(opened, part)
    pictures, findings, probabilities = answers(judge, source, batch, views)
    left_out = {finding.name: finding.message for finding in findings}
    if several:
        return score_tags(judge, opened, split, pictures, probabilities, left_out)
    places = np.array([classes.index(name) for name in known])
    truths = places[np.asarray(pictures.targets)]
    own = probabilities[np.arange(len(truths)), truths]
    outcome = Outcome(
        names=tuple(pictures.names),
        truths=truths,
        probabilities=probabilities,
        losses=-np.log(np.maximum(own, np.finfo(np.float64).tiny)),
    )
    return Scores(
        bundle=judge.name,
        data=str(opened.where),
        split=split,
        views=views,
        pictures=len(truths),
        top1=outcome.top1,
        top5=outcome.top5,
        interval=wilson(int(outcome.right.sum()), len(truths)),
        per_class={
            name: (row.pictures, row.right)
            for name, row in zip(classes, per_class(confusion(outcome)))
        },
        left_out=left_out,
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _part(data: Data, part: str) -> tuple[Source, str]:
    """The pictures of the part, and what they are in words."""
    if part == "val":
        return data.val, str(data.split)
    if part != "test":
        raise unknown("part", part, ("val", "test"))
    if data.test is None:
        raise ValueError(f"{data.where} has no test part; leave out --part to score on validation")
    return data.test, "the test part"


def held_out(where: Any, bundle: Bundle) -> Data:
    """Data to score on: what the training held out where this is its data, else all there is."""
    from hubel.data import open_data

    return whole_or_held(open_data, where, bundle)


def whole_or_held(opened: Callable[..., T], where: Any, bundle: Bundle) -> T:
    """What `opened(where, seed=, val=)` gives for the part that the bundle's training held out, or
    for all of it where these are other data.
    """
    try:
        recipe = bundle.facts["training"]["recipe"]
        split = int(recipe.get("split", recipe["seed"]))  # older ones had one seed for both
        share = float(recipe["val"])
        fingerprint = bundle.facts["data"]["fingerprint"]
    except (KeyError, TypeError, ValueError):  # a bundle of other hands may not say
        return opened(where, val=1)
    same: Any = opened(where, seed=split, val=share)
    return same if same.fingerprint == fingerprint else opened(where, val=1)
