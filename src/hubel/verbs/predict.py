"""Answer for pictures with a bundle. No torch."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hubel.pictures import list_pictures, read_picture
from hubel.runtime.choice import FASTEST
from hubel.runtime.decode.classify import UNKNOWN
from hubel.runtime.decode.tags import NONE
from hubel.runtime.predictor import Answer, Predictor, load

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # on Windows


def predict(
    bundle: str | os.PathLike[str],
    pictures: Any,
    *,
    top: int = 5,
    sort_into: str | os.PathLike[str] | None = None,
    draw: str | os.PathLike[str] | None = None,
    batch: int = 32,
    engine: str = FASTEST,
    engine_threads: int | None = None,
) -> list[Answer]:
    """What a bundle says about pictures: one answer each, in order.

    `pictures` is a picture, a folder, or a list of both. A picture that cannot be read does not
    stop the others: its answer carries the error. `sort_into` copies every answered picture into a
    folder per class, and one for "I don't know"; of tags into that of every class that is there, or
    "none of them". `draw` is a folder for PNG files of the pictures with what was found in them, of
    bundles whose answers lie there. Nothing is moved or overwritten. `engine` is the one that
    `hubel bench --save` found to be the fastest here, or one by name. Raises ValueError for a
    bundle that cannot be used and for a folder without pictures.
    """
    sources = expand(pictures, leave_out=sort_into)
    at_once = min(batch, len(sources))
    predictor = load(bundle, engine=engine, threads=engine_threads, batch=at_once)
    return list(stream(predictor, sources, top=top, sort_into=sort_into, draw=draw, batch=batch))


def stream(
    predictor: Predictor,
    sources: Sequence[Any],
    *,
    top: int,
    sort_into: str | os.PathLike[str] | None,
    batch: int,
    draw: str | os.PathLike[str] | None = None,
) -> Iterator[Answer]:
    """The answers for single pictures, a batch at a time, so that a folder of any size fits."""
    folders = {UNKNOWN: UNKNOWN, NONE: NONE, **_folders(predictor.bundle.classes)}
    for source, answer in zip(sources, predictor.stream(sources, top, batch)):
        if draw is not None and answer.seen is not None:
            picture = read_picture(source, background=predictor.bundle.preprocess.background)
            drawn = answer.seen.drawn(picture, predictor.bundle.classes)
            _save(drawn, Path(draw), Path(answer.name).stem)
        if sort_into is not None and not answer.error:
            said = (answer.label or UNKNOWN,) if answer.labels is None else answer.labels or (NONE,)
            for label in said:
                _copy(Path(answer.name), Path(sort_into) / folders[label])
        yield answer


def expand(pictures: Any, *, leave_out: str | os.PathLike[str] | None = None) -> list[Any]:
    """Pictures and folders -> single pictures; of folders all below them, except `leave_out`.

    A file is taken as it is named, even where it does not exist: its reader says what is wrong.
    """
    away = Path(leave_out).resolve() if leave_out is not None else None
    found: list[Any] = []
    for place in pictures if isinstance(pictures, list | tuple) else [pictures]:
        if not (isinstance(place, str | os.PathLike) and Path(place).is_dir()):
            found.append(place)
            continue
        within = [p for p in list_pictures(place) if not (away and away in p.resolve().parents)]
        if not within:
            raise ValueError(f"{place}: no pictures in this folder; name another folder or files")
        found += within
    if not found:
        raise ValueError("no pictures given; name files or folders")
    return found


def _folders(classes: Iterable[str]) -> dict[str, str]:
    """A folder name for every class that every system takes and that stays where it is put.

    Classes come from a bundle of anyone's: none may climb out with `..`, and no two share a folder.
    """
    names: dict[str, str] = {}
    taken = set()
    for number, label in enumerate(classes):
        name = "".join(c if c.isprintable() and c not in '<>:"/\\|?*' else "_" for c in label)
        name = name[:100].strip(" .")
        if not name or RESERVED.match(name) or name.casefold() in taken:
            name = f"{number}-{name}"
        taken.add(name.casefold())
        names[label] = name
    return names


def _save(pixels: np.ndarray, folder: Path, name: str) -> None:
    """Write a PNG into a folder; where its name is taken, under a number."""
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / f"{name}.png", 1
    while target.exists():
        number += 1
        target = folder / f"{name}-{number}.png"
    Image.fromarray(pixels).save(target)


def _copy(picture: Path, folder: Path) -> None:
    """Copy a picture into a folder; where its name is taken by another one, under a number."""
    folder.mkdir(parents=True, exist_ok=True)
    content, number = picture.read_bytes(), 1
    while True:
        end = f"-{number}" if number > 1 else ""
        target = folder / f"{picture.stem}{end}{picture.suffix}"
        try:
            with target.open("xb") as file:
                file.write(content)
        except FileExistsError:
            if target.is_file() and target.read_bytes() == content:
                return  # copied before
            number += 1
        else:
            shutil.copystat(picture, target)
            return
