"""Score a bundle on data, or prove that it runs here as it did where it was written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubel.runtime.bundle import Bundle
from hubel.runtime.golden import Replay, replay
from hubel.runtime.names import unknown
from hubel.runtime.predictor import Predictor, load
from hubel.verbs.tags import TagScores, score_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from hubel.data import Data, Pictures, Source


@dataclass(frozen=True)
class Scores:
    """Scores of a bundle on data; accuracies are shares, 0..1.

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
    engine_threads: int | None = None,
) -> Scores | TagScores | Replay:
    """Score a bundle on a part of `data`, val or test, or replay its golden pictures.

    `data` is what open_data takes, or what it gives; its classes are matched by name. Where it has
    no validation part, all of it is scored, but of the data the bundle was trained on only what was
    held out. Answers are the mean over the `views` of that name (tasks/views.py, and ten-crop and
    dense of tasks/crops.py). Needs
    `hubel[train]` for data, and no torch for the golden pictures. Raises ValueError for a bundle or
    data that cannot be used.
    """
    if golden == (data is not None):
        raise ValueError("val takes data to score on, or golden (--golden); give one of them")
    predictor = load(bundle, threads=engine_threads)
    return replay(predictor) if golden else score(predictor, data, batch, views, part)


def score(
    predictor: Predictor, data: Any, batch: int, views: str = "plain", part: str = "val"
) -> Scores | TagScores:
    """Score the pictures of a part under these views."""
    import numpy as np

    from hubel.analysis.errors import confusion, per_class, wilson
    from hubel.data import Data
    from hubel.tasks.crops import LARGER
    from hubel.tasks.outcome import Outcome
    from hubel.tasks.views import VIEWS

    if views not in (*VIEWS, *LARGER):
        raise unknown("views", views, (*VIEWS, *LARGER))
    opened = data if isinstance(data, Data) else held_out(data, predictor.bundle)
    classes = predictor.bundle.classes
    strange = sorted(set(opened.classes) - set(classes))
    if strange:
        raise ValueError(
            f"{opened.where} has classes that the bundle does not know: {', '.join(strange)}; "
            f"it knows {', '.join(classes)}"
        )
    several = opened.several
    if several != (predictor.bundle.task == "tags"):
        kinds = ("one class", "any number of classes")
        raise ValueError(
            f"{opened.where} has {kinds[several]} a picture, and this bundle tells "
            f"{kinds[not several]}; score it on data of its own kind"
        )
    if several and views != "plain":
        raise ValueError(f"views={views} are for one class a picture; leave them out for tags")
    source, split = _part(opened, part)
    pictures, findings, probabilities = seen(predictor, source, batch, views)
    left_out = {finding.name: finding.message for finding in findings}
    if several:
        return score_tags(predictor.bundle, opened, split, pictures, probabilities, left_out)
    places = np.array([classes.index(name) for name in opened.classes])
    truths = places[np.asarray(pictures.targets)]
    own = probabilities[np.arange(len(truths)), truths]
    outcome = Outcome(
        names=tuple(pictures.names),
        truths=truths,
        probabilities=probabilities,
        losses=-np.log(np.maximum(own, np.finfo(np.float64).tiny)),
    )
    return Scores(
        bundle=str(predictor.bundle.folder),
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


def seen(predictor: Predictor, source: Source, batch: int, views: str) -> tuple[Any, Any, Any]:
    """Pictures of the source, those left out, and probabilities (N, classes).

    Crops go through the bundle's own engine, whose graph takes one size; whole pictures of several
    sizes through the network in torch.
    """
    import numpy as np

    from hubel.data import decode
    from hubel.tasks.crops import SCALES, canvas, ten_crop
    from hubel.tasks.views import VIEWS

    way = predictor.bundle.preprocess
    if views == "dense":
        sizes = [canvas(way, scale) for scale in SCALES]
        made = [decode(source, way, canvas=size) for size in sizes]
        answers = _dense(predictor, [pictures for pictures, _ in made], batch)
        return *made[0], answers
    crops = views == "ten-crop"
    pictures, findings = decode(source, way, canvas=canvas(way) if crops else None)
    answers = []
    for x in _batches(pictures, batch):
        colour = np.broadcast_to(x, (*x.shape[:3], 3))  # grey: three equal channels
        if crops:
            each = [predictor.scores(way.bordered(v), batch) for v in ten_crop(colour, way.size)]
            answers.append(np.mean([predictor.probabilities(z) for z in each], axis=0))
        else:
            weighted = [w * predictor.scores(v, batch) for v, w in VIEWS[views](colour)]
            answers.append(predictor.probabilities(np.sum(weighted, axis=0)))
    return pictures, findings, np.concatenate(answers)


def _batches(pictures: Pictures, batch: int) -> Iterator[NDArray[np.uint8]]:
    """uint8 (n, H, W, 1 or 3); all of them may be more than memory holds."""
    import numpy as np

    for start in range(0, len(pictures), batch):
        places = np.arange(start, min(start + batch, len(pictures)))
        yield np.asarray(pictures.arrays[places])


def _dense(predictor: Predictor, scales: list[Pictures], batch: int) -> Any:
    """The pictures at every scale, and mirrored -> probabilities (N, classes)."""
    import numpy as np
    import torch

    from hubel.export.bundle import load_module
    from hubel.tasks.crops import Dense

    torch.set_num_threads(predictor.engine.threads)
    model = Dense(load_module(predictor.bundle), predictor.bundle.preprocess)
    answers = []
    with torch.inference_mode():
        for pictures in scales:
            for part in _batches(pictures, batch):
                x = torch.from_numpy(np.array(part)).permute(0, 3, 1, 2)
                both = [predictor.probabilities(model(v).numpy()) for v in (x, x.flip(3))]
                answers.append(np.mean(both, axis=0))
    per_scale = np.concatenate(answers).reshape(len(scales), -1, len(predictor.bundle.classes))
    return per_scale.mean(axis=0)


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

    try:
        recipe = bundle.facts["training"]["recipe"]
        split = int(recipe.get("split", recipe["seed"]))  # older ones had one seed for both
        share = float(recipe["val"])
        fingerprint = bundle.facts["data"]["fingerprint"]
    except (KeyError, TypeError, ValueError):  # a bundle of other hands may not say
        return open_data(where, val=1)
    same = open_data(where, seed=split, val=share)
    return same if same.fingerprint == fingerprint else open_data(where, val=1)
