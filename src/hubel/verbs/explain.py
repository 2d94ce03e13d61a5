"""explain: what a network sees in pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from hubel.explain.explained import Explained, look
from hubel.export.bundle import load_evidence
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess
from hubel.report.explain import write_explained
from hubel.runtime.bundle import Bundle
from hubel.runtime.names import unknown
from hubel.verbs.predict import expand

MOST = 24
"""Pictures of one page: each takes a second or more and its part of the page."""


def explain(
    model: str | os.PathLike[str] | Bundle | nn.Module,
    pictures: Any,
    *,
    label: str | None = None,
    out: str | os.PathLike[str] | None = None,
    preprocess: Preprocess | None = None,
    classes: Sequence[str] | None = None,
) -> Explained:
    """What a network sees: heat maps for its answer, feature maps, channels, fields, filters.

    `model`: a bundle or run, or any module (N, C, H, W) -> logits with its `preprocess` and
    `classes`. A module of your own that a bundle was trained with: hand the module over with the
    bundle's preprocess and classes. `pictures`: whatever read_picture reads, a folder, or a list of
    them, 24 at most. `label`: the class to explain, by default each picture's own answer. `out`: a
    folder for explain.html and PNG files; None writes nothing. Needs torch.

    ValueError for a picture that cannot be read, a label that is no class, and a network without
    maps.
    """
    temperature = 1.0
    if isinstance(model, nn.Module):
        if preprocess is None or classes is None:
            raise ValueError("a module is explained with its `preprocess` and its `classes`")
        name, module = type(model).__name__, model
    else:
        bundle = model if isinstance(model, Bundle) else Bundle.open(Path(model))
        name, module = bundle.name, load_evidence(bundle)
        preprocess, classes, temperature = bundle.preprocess, bundle.classes, bundle.temperature
    if label is not None and label not in classes:
        raise unknown("class", label, classes)
    sources = expand(pictures)
    if len(sources) > MOST:
        raise ValueError(f"{len(sources)} pictures; explain takes up to {MOST}: choose among them")
    prepared = [(_name(s, n), preprocess(s)) for n, s in enumerate(sources, 1)]
    if preprocess.channels == 1:
        prepared = [(named, pixels[..., :1]) for named, pixels in prepared]
    chosen = None if label is None else list(classes).index(label)
    normalize = Normalize(preprocess)
    found = look(name, module, normalize, prepared, classes, chosen, temperature)
    if out is not None:
        found = replace(found, page=write_explained(out, found))
    return found


def _name(source: Any, number: int) -> str:
    return Path(source).name if isinstance(source, str | os.PathLike) else f"picture {number}"
