"""What a finished training leaves behind: answers, errors.csv, environment, bundle and, last, the
report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hubel.analysis.calibration import temperature
from hubel.analysis.errors import worst, write_errors
from hubel.data import Finding
from hubel.data.check import findings_of
from hubel.data.loader import as_sample
from hubel.data.types import strata
from hubel.explain.heat import contrast
from hubel.export.bundle import UNCALIBRATED, write_bundle
from hubel.ops.account import account
from hubel.pictures import read_picture
from hubel.report import write_report, write_tags_report
from hubel.report.looks import WORST
from hubel.report.words import verdict
from hubel.runtime.machine import environment
from hubel.tasks.catalogue import OF_CLASSES
from hubel.tasks.outcome import Outcome
from hubel.training.fit import Trainer
from hubel.training.folds import Folds, together
from hubel.training.run import Run
from hubel.verbs.gather import Gathered
from hubel.verbs.origin import licence
from hubel.verbs.scenes import golden, write_scenes

GOLDEN = 6
EXAMPLES = 48
CHECKED = 20_000
"""Up to so many pictures the data are checked with every training; `hubel check` takes any."""


def finish(run: Run, trainer: Trainer, outcome: Any, gathered: Gathered) -> None:
    """Write everything but the checkpoints. It can be repeated: a run that was killed here is
    finished by --resume.
    """
    outcome.save(run.path / "outcome.npz")
    of_classes = trainer.recipe.task in OF_CLASSES
    if of_classes:
        write_errors(run.path / "errors.csv", outcome, gathered.classes)
    machine = environment() | {"threads": torch.get_num_threads()}
    run.write_json("environment.json", machine)
    checks = _checks(gathered)
    run.write_json(
        "findings.json", {"left_out": _plain(gathered.findings), "checked": _plain(checks or ())}
    )
    _bundle(run, trainer, outcome, gathered)

    recipe, data = trainer.recipe, gathered.data
    preprocess = trainer.task.preprocess
    size = (preprocess.channels, *preprocess.input_size)
    said: dict[str, Any] = {
        "title": run.path.name,
        "recipe": recipe.to_dict(),
        "results": run.results,
        "outcome": outcome,
        "classes": list(gathered.classes),
        "findings": [astuple(finding) for finding in gathered.findings],
        "checks": None if checks is None else [astuple(finding) for finding in checks],
        "facts": {
            "network": recipe.network,
            "parameters": trainer.parameters,
            "macs": account(trainer.network, size).macs,
            "data": data.name if data else "your own data sets",
            "split": data.split if data else "as given",
            "pictures_per_class": gathered.counted,
            "machine": f"{machine['processor']}, {machine['threads']} threads, {machine['system']}",
            "versions": {k: v for k, v in machine["versions"].items() if v},
            "command": " ".join(
                ("hubel soup", *recipe.soup)
                if recipe.soup
                else ("hubel train --recipe", str(run.path / "recipe.yaml"))
            ),
        },
        "seconds": trainer.spent(),
        "verdict": time_spent(trainer),
    }
    if not of_classes:
        write_scenes(run, trainer, **said)
        return
    said |= {"validation": _Drawn(gathered.val), "examples": _examples(trainer)}
    if isinstance(outcome, Outcome):
        write_report(run.report, heats=_heats(trainer, outcome, gathered), **said)
    else:
        write_tags_report(run.report, **said)


def _heats(trainer: Trainer, outcome: Outcome, gathered: Gathered) -> NDArray[np.float32] | None:
    """What speaks for truth and answer in the worst mistakes; None where the network has no maps,
    or nothing is wrong.
    """
    chosen = worst(outcome, WORST)
    if not len(chosen):
        return None
    shown = _Drawn(gathered.val)
    stack = torch.stack([torch.from_numpy(shown[i]).permute(2, 0, 1) for i in chosen])
    with torch.no_grad():
        x = trainer.model.get_submodule("normalize")(stack.to(trainer.device))
    try:
        return contrast(trainer.network, x, outcome.truths[chosen], outcome.predictions[chosen])
    except ValueError:  # no maps: a network of dense layers of one's own
        return None


def finish_folds(folds: Folds) -> None:
    """Bring the answers of all folds together: outcome.npz, errors.csv and, last, folds.json."""
    outcomes = (run.outcome for run in folds.runs)
    outcome = together([one for one in outcomes if isinstance(one, Outcome)])
    outcome.save(folds.path / "outcome.npz")
    classes = folds.runs[0].read_json("bundle/bundle.json")["classes"]
    write_errors(folds.path / "errors.csv", outcome, classes)
    folds.close()


def time_spent(trainer: Trainer) -> str:
    """In a sentence: where the time went, and what would save some."""
    return verdict(trainer.spent(), trainer.loader.workers, trainer.idle)


def _checks(gathered: Gathered) -> list[Finding] | None:
    """What `hubel check` finds in the data; None for data sets of one's own and very large ones."""
    if gathered.data is None or len(gathered.train) + len(gathered.val) > CHECKED:
        return None
    return findings_of(gathered.data)


def _plain(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [asdict(finding) for finding in findings]


def _bundle(run: Run, trainer: Trainer, outcome: Any, gathered: Gathered) -> None:
    recipe, data, task = trainer.recipe, gathered.data, trainer.task
    last = run.results[-1]
    write_bundle(
        run.bundle,
        trainer.network,
        preprocess=task.preprocess,
        classes=gathered.classes,
        network={
            "name": recipe.network,
            "words": dict(recipe.words),
            "classes": len(gathered.classes),
            "channels": task.preprocess.channels,
            **({"head": dict(task.head)} if task.name not in OF_CLASSES else {}),
        },
        golden=(
            _golden(outcome, gathered) if task.name in OF_CLASSES else golden(gathered.val, GOLDEN)
        ),
        thresholds=task.thresholds(outcome),
        licences={"weights": licence(recipe.weights)} if recipe.weights else {},
        training={
            "recipe": recipe.to_dict(),
            "epochs": last["epoch"],
            "steps": last["step"],
            "seconds": last["seconds"],
        },
        scores={"pictures": len(outcome.names), **run.scores},
        task=task.name,
        calibration=(
            temperature(outcome).to_dict() if isinstance(outcome, Outcome) else UNCALIBRATED
        ),
        data={
            "name": data.name if data else "own data sets",
            "licence": data.licence if data else None,
            "fingerprint": data.fingerprint if data else None,
            "train": len(gathered.train),
            "val": len(gathered.val),
        },
    )


def _golden(outcome: Any, gathered: Gathered) -> list[tuple[str, NDArray[np.uint8]]]:
    """A few validation pictures as they are before preprocessing, spread over the classes."""
    order = np.argsort(strata(outcome.truths), kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(GOLDEN, len(order))).round().astype(int)]
    if gathered.data is None:
        drawn = ((outcome.names[i], _Drawn(gathered.val)[i]) for i in chosen)
        return [(name, x.repeat(3 // x.shape[2], axis=2)) for name, x in drawn]  # grey: three equal
    source = gathered.data.val
    place = {name: i for i, name in enumerate(source.names)}
    return [(outcome.names[i], read_picture(source.read(place[outcome.names[i]]))) for i in chosen]


def _examples(trainer: Trainer) -> tuple[NDArray[np.uint8], list[Any]]:
    """The first training pictures as the network gets them, before normalization: uint8 (n, H,
    W, C), with their class numbers or, where they are mixed, shares of the classes.
    """
    pictures: list[Any] = []
    labels: list[Any] = []
    for step, batch in enumerate(trainer.pictures.epoch(0)):
        for mixing in trainer.mixing():
            mixing.mix(batch, step)
        pictures.append(batch.pictures.float().round().clamp(0, 255).byte())
        labels += batch.targets.tolist()
        if len(labels) >= EXAMPLES:
            break
    shown = torch.cat(pictures)[:EXAMPLES].permute(0, 2, 3, 1).numpy()
    return shown, labels[: len(shown)]


class _Drawn:
    """A data set as a sequence of uint8 (H, W, C) pictures."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> NDArray[np.uint8]:
        return as_sample(self.dataset[int(i)], int(i)).picture
