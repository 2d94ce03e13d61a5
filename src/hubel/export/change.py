"""Give a bundle another calibration or an int8 graph; proved before it is put in place."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hubel.export.bundle import probabilities, prove, put, write_json, write_sums
from hubel.export.card import model_card
from hubel.runtime.bundle import CARD, FACTS, GOLDEN, GRAPHS, Bundle
from hubel.runtime.engines import DEFAULT, INT8, named
from hubel.runtime.golden import GOLDEN_OF, golden_pictures
from hubel.runtime.predictor import Predictor, load


def recalibrate(
    folder: str | os.PathLike[str],
    calibration: Mapping[str, Any],
    thresholds: Mapping[str, Any],
) -> Path:
    """Give a bundle another temperature and threshold, and nothing else; proved before it is put in
    place.
    """
    bundle = Bundle.open(Path(folder))
    with changed(bundle) as part:
        changes = {"calibration": dict(calibration), "thresholds": dict(thresholds)}
        facts = _write_facts(part, {**bundle.facts, **changes})
        golden = json.loads((part / GOLDEN).read_text(encoding="utf-8"))
        for row in golden["pictures"]:
            p = probabilities(np.array(row["logits"]), facts)
            row["probabilities"] = p.tolist()
        write_json(part / GOLDEN, golden)
    return bundle.folder


def put_int8(
    bundle: Bundle,
    graphs: Path,
    predictors: Mapping[str, Predictor | None],
    facts: Mapping[str, Any],
) -> None:
    """Give a bundle the int8 graphs of a folder, with the golden answers of the `predictors` that
    run them, by engine; one of None takes the graph away that was there for it. `facts` is what the
    gate found of those that there are.

    On another processor an answer may differ from the golden one as much as quantizing moved any of
    them.
    """
    there = [named(engine, INT8) for engine, predictor in predictors.items() if predictor]
    if not there and not set(predictors) & set(bundle.int8):
        return
    pictures = golden_pictures(bundle)
    plain = _named(load(bundle.folder), pictures)
    with changed(bundle, [DEFAULT, *there]) as part:
        golden = json.loads((part / GOLDEN).read_text(encoding="utf-8"))
        known = dict(bundle.facts.get("int8", {}))
        for engine, predictor in predictors.items():
            form = named(engine, INT8)
            for name in (*GRAPHS[engine], GOLDEN_OF.format(form)):
                (part / name).unlink(missing_ok=True)
            known.pop(engine, None)
            golden["tolerance"].pop(form, None)
            if predictor is None:
                continue
            for name in GRAPHS[engine]:
                (part / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(graphs / Path(name).name, part / name)
            found = _named(predictor, pictures)
            outputs: dict[str, Any] = {name: found[name] for name in bundle.outputs}
            np.savez_compressed(part / GOLDEN_OF.format(form), **outputs)
            golden["tolerance"][form] = {
                name: max(limit, float(np.abs(found[name] - plain[name]).max()))
                for name, limit in golden["tolerance"]["float32"].items()
            }
        write_json(part / GOLDEN, golden)
        _write_facts(part, {**bundle.facts, "int8": {**known, **facts}})


def _named(predictor: Predictor, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """What a replay compares: the outputs by name and, of classes, the probabilities."""
    found = dict(zip(predictor.bundle.outputs, predictor.outputs(pictures, batch=8)))
    if predictor.bundle.of_classes:
        found["probabilities"] = predictor.probabilities(found["logits"])
    return found


@contextlib.contextmanager
def changed(bundle: Bundle, engines: Sequence[str] = (DEFAULT,)) -> Iterator[Path]:
    """A copy of a bundle to change; proved on these engines at the end, and put in the place of the
    bundle.
    """
    part = Path(tempfile.mkdtemp(prefix=f".{bundle.folder.name}-", dir=bundle.folder.parent))
    try:
        part.chmod(0o755)
        for name in sorted(bundle.files):
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle.folder / name, part / name)
        yield part
        write_sums(part)
        for engine in engines:
            prove(part, engine)
        put(part, bundle.folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _write_facts(part: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """bundle.json, and the card that tells the same."""
    write_json(part / FACTS, facts)
    (part / CARD).write_text(model_card(facts), encoding="utf-8", newline="\n")
    return facts
