"""Training where the answer lies in the picture: its data, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.data import Data, SceneData, decode_scenes, open_scenes
from hubel.pictures import read_picture
from hubel.report import write_scenes_report
from hubel.report.scenes import Shown
from hubel.runtime.bundle import Bundle
from hubel.runtime.predictor import Predictor, load
from hubel.tasks.catalogue import TASKS
from hubel.tasks.task import ByPicture
from hubel.training.fit import Trainer
from hubel.training.run import Run
from hubel.verbs.val import whole_or_held

DRAWN = 8
"""So many pictures are shown, of the worst and of all."""
EXAMPLES = 12


def write_scenes(run: Run, trainer: Trainer, outcome: Any, **said: Any) -> None:
    """Write report.html: the bundle answers for the pictures that are shown, as it does in use."""
    spread = np.linspace(0, len(outcome.names) - 1, min(DRAWN, len(outcome.names))).round()
    write_scenes_report(
        run.report,
        outcome=outcome,
        scores=trainer.task.scores,
        shown={
            "Worst pictures": list(_shown(run, trainer, outcome, outcome.worst[:DRAWN])),
            "Pictures and answers": list(_shown(run, trainer, outcome, spread.astype(int))),
        },
        examples=list(_examples(trainer)),
        **said,
    )


def golden(dataset: Any, count: int) -> list[tuple[str, NDArray[np.uint8]]]:
    """A few validation pictures as they are before preprocessing."""
    chosen = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)
    return [(dataset.names[i], read_picture(dataset.source(int(i)))) for i in chosen]


def _shown(run: Run, trainer: Trainer, outcome: Any, chosen: NDArray[Any]) -> Iterator[Shown]:
    """Truth and answer drawn over pictures of the validation."""
    task: Any = trainer.task
    predictor, dataset = load(run.bundle), trainer.val
    for i in chosen.tolist():
        source = dataset.source(i)
        picture = read_picture(source, background=task.preprocess.background)
        answer: Any = predictor.predict(picture)
        seen = answer.seen
        pictures = task.shown(dataset, i, picture, seen)
        yield Shown(outcome.names[i], pictures, seen.told(task.classes), outcome.note(i))


def _examples(trainer: Trainer) -> Iterator[NDArray[np.uint8]]:
    """The first training pictures as the network gets them, before normalization, with their
    targets drawn.
    """
    task: Any = trainer.task
    left = EXAMPLES
    for batch in trainer.pictures.epoch(0):
        pictures = batch.pictures.float().round().clamp(0, 255).byte().permute(0, 2, 3, 1)
        for n in range(min(left, len(pictures))):
            drawn = task.target(batch.targets, n, (pictures.shape[1], pictures.shape[2]))
            colour = np.ascontiguousarray(pictures[n].expand(-1, -1, 3).numpy())
            yield drawn.drawn(colour, task.classes)
        left -= len(pictures)
        if left <= 0:
            break


@dataclass(frozen=True)
class SceneScores:
    """Scores of a bundle whose answers lie in the picture, on data: the task's `better` one and
    that of each class, all of them by name, and lines for people.
    """

    bundle: str
    data: str
    split: str
    pictures: int
    best: float
    per_class: dict[str, float]
    scores: dict[str, float]
    told: tuple[str, ...]

    def __str__(self) -> str:
        """A few lines for people."""
        lines = (f"{name:<10} {value:.4f}" for name, value in self.scores.items())
        head = f"{self.pictures:,} pictures of {self.data} ({self.split})"
        return "\n".join([head, *lines, "", *self.told])


def task_of(bundle: Bundle) -> Any:
    """The task that a bundle was trained for."""
    return TASKS[bundle.task](bundle.classes, bundle.preprocess, head=bundle.network["head"])


def scenes_of(where: Any, bundle: Bundle) -> SceneData:
    """Data of the kind that the bundle's task is trained on: see whole_or_held."""
    return whole_or_held(partial(open_scenes, kind=TASKS[bundle.task].data), where, bundle)


def score_on(predictor: Predictor, data: Any, batch: int) -> SceneScores:
    """Score a bundle in its own engine on data of the kind that its task is trained on; of the data
    it was trained on, on what was held out. ValueError for data of other classes.
    """
    bundle, task = predictor.bundle, task_of(predictor.bundle)
    found = data if isinstance(data, SceneData) else scenes_of(data, bundle)
    if found.classes != bundle.classes:
        raise ValueError(
            f"{found.where} has the classes {', '.join(found.classes)}, and the bundle tells "
            f"{', '.join(bundle.classes)}; score it on data of the same classes in that order"
        )
    dataset, _ = decode_scenes(found.val, bundle.preprocess, masks=task.data == "masks")
    return score(predictor, task, dataset, found, batch)


def score(
    predictor: Predictor, task: ByPicture, dataset: Any, found: Data, batch: int
) -> SceneScores:
    """Score a bundle on decoded pictures."""
    bundle = predictor.bundle
    kept = []
    for start in range(0, len(dataset), batch):
        indices = np.arange(start, min(start + batch, len(dataset)))
        made = dataset.batch(0, 0, indices, ())
        pictures = made.pictures.permute(0, 2, 3, 1)
        colour = np.ascontiguousarray(pictures.expand(-1, -1, -1, 3).numpy())
        outputs = predictor.outputs(colour, batch)
        kept += [
            task.judged([array[n] for array in outputs], dataset, int(i))
            for n, i in enumerate(indices)
        ]
    outcome, scores = task.outcome(dataset.names, kept, dataset)
    named = dict(zip(task.scores[1:], scores))
    classes = bundle.classes
    return SceneScores(
        bundle=str(bundle.folder),
        data=found.where,
        split=found.split,
        pictures=len(dataset),
        best=named[task.better],
        per_class=outcome.by_class(classes),
        scores=named,
        told=(outcome.score, *outcome.told(classes)),
    )
