"""What is scored: a bundle in its own engine, or published weights in torch; and its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hubel.pictures import Preprocess
from hubel.runtime.machine import cores
from hubel.runtime.predictor import Predictor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from hubel.data import Pictures, Source
    from hubel.weights.rows import Weights


@dataclass(frozen=True)
class Judge:
    """A network that answers for prepared pictures.

    `scores(pictures, batch)`: uint8 (N, H, W, 3) -> logits (N, classes). `probabilities`: logits ->
    the same shape. `network()` gives the network in torch. `aliases` are other names of classes.
    """

    name: str
    task: str
    classes: tuple[str, ...]
    preprocess: Preprocess
    threads: int
    scores: Callable[[NDArray[np.uint8], int], NDArray[np.floating]]
    probabilities: Callable[[NDArray[np.floating]], NDArray[np.floating]]
    network: Callable[[], nn.Module]
    aliases: Mapping[str, str] = field(default_factory=dict)


def bundle_judge(predictor: Predictor) -> Judge:
    """A loaded bundle."""
    bundle = predictor.bundle

    def network() -> nn.Module:
        from hubel.export.bundle import load_module

        return load_module(bundle)

    return Judge(
        str(bundle.folder),
        bundle.task,
        bundle.classes,
        bundle.preprocess,
        predictor.engine.threads,
        predictor.scores,
        predictor.probabilities,
        network,
    )


def published_judge(row: Weights, threads: int | None = None) -> Judge:
    """The network of published weights, which are fetched where they are not here yet.

    ValueError for weights without a head, or of classes whose names are not known.
    """
    import numpy as np
    import torch

    from hubel.networks import create
    from hubel.ops.normalize import Normalize
    from hubel.runtime.decode.classify import softmax

    if len(row.classes) != row.outputs:
        raise ValueError(
            f"{row.name} gives {row.outputs} numbers whose classes are not known here; train a "
            f"head first: hubel train DATA --weights {row.name}"
        )
    network = create(row.network, weights=row.name)
    model = torch.nn.Sequential(Normalize(row.preprocess), network).eval()
    threads = threads or cores()

    def scores(pictures: NDArray[np.uint8], batch: int) -> NDArray[np.floating]:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            parts = [
                model(torch.from_numpy(np.array(pictures[i : i + batch])).permute(0, 3, 1, 2))
                for i in range(0, len(pictures), batch)
            ]
        return torch.cat(parts).numpy()

    aliases = dict(zip(row.synsets, row.classes))
    return Judge(
        row.name, "classify", row.classes, row.preprocess, threads, scores, softmax,
        lambda: network.eval(), aliases,
    )  # fmt: skip


def answers(judge: Judge, source: Source, batch: int, views: str) -> tuple[Pictures, Any, Any]:
    """Pictures of the source, those left out, and probabilities (N, classes), under the views.

    Crops go through the judge as it is, whose graph may take one size only; whole pictures of
    several sizes through the network in torch.
    """
    import numpy as np

    from hubel.data import decode
    from hubel.tasks.crops import SCALES, canvas, ten_crop
    from hubel.tasks.views import VIEWS

    way = judge.preprocess
    if views == "dense":
        sizes = [canvas(way, scale) for scale in SCALES]
        made = [decode(source, way, canvas=size) for size in sizes]
        return *made[0], _dense(judge, [pictures for pictures, _ in made], batch)
    crops = views == "ten-crop"
    pictures, findings = decode(source, way, canvas=canvas(way) if crops else None)
    found = []
    for x in _batches(pictures, batch):
        colour = np.broadcast_to(x, (*x.shape[:3], 3))  # grey: three equal channels
        if crops:
            each = [judge.scores(way.bordered(v), batch) for v in ten_crop(colour, way.size)]
            found.append(np.mean([judge.probabilities(z) for z in each], axis=0))
        else:
            weighted = [w * judge.scores(v, batch) for v, w in VIEWS[views](colour)]
            found.append(judge.probabilities(np.sum(weighted, axis=0)))
    return pictures, findings, np.concatenate(found)


def _batches(pictures: Pictures, batch: int) -> Iterator[NDArray[np.uint8]]:
    """uint8 (n, H, W, 1 or 3); all of them may be more than memory holds."""
    import numpy as np

    for start in range(0, len(pictures), batch):
        places = np.arange(start, min(start + batch, len(pictures)))
        yield np.asarray(pictures.arrays[places])


def _dense(judge: Judge, scales: list[Pictures], batch: int) -> NDArray[np.floating]:
    """The pictures at every scale, and mirrored -> probabilities (N, classes)."""
    import numpy as np
    import torch

    from hubel.tasks.crops import Dense

    torch.set_num_threads(judge.threads)
    model = Dense(judge.network(), judge.preprocess)
    found = []
    with torch.inference_mode():
        for pictures in scales:
            for part in _batches(pictures, batch):
                x = torch.from_numpy(np.array(part)).permute(0, 3, 1, 2)
                both = [judge.probabilities(model(v).numpy()) for v in (x, x.flip(3))]
                found.append(np.mean(both, axis=0))
    per_scale = np.concatenate(found).reshape(len(scales), -1, len(judge.classes))
    return per_scale.mean(axis=0)
