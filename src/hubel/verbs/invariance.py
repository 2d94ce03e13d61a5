"""invariance: how far the answers of trained networks stay the same under shift, turn and scale."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hubel.data import Data, decode
from hubel.explain.invariance import Steady, consistency
from hubel.export.bundle import load_module
from hubel.ops.normalize import Normalize
from hubel.report.curves import write_invariance
from hubel.runtime.bundle import Bundle
from hubel.verbs.val import held_out

PICTURES = 500


def invariance(
    bundles: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    data: str | os.PathLike[str] | Data,
    *,
    pictures: int = PICTURES,
    out: str | os.PathLike[str] | None = None,
) -> list[Steady]:
    """Curves of bundles or runs on held-out pictures, such as of one network with several poolings.

    At most so many `pictures` of the validation part are used, spread over it. `out`: a page to
    write. Needs torch. ValueError for a bundle or data that cannot be used.
    """
    places = [bundles] if isinstance(bundles, str | os.PathLike) else bundles
    found = [_steady(place, data, pictures) for place in places]
    if out is not None:
        write_invariance(Path(out), found)
    return found


def _steady(place: Any, data: Any, limit: int) -> Steady:
    bundle = Bundle.open(Path(place))
    opened = data if isinstance(data, Data) else held_out(data, bundle)
    opened.one_each("invariance takes data with one class a picture")
    if bundle.task != "classify":
        raise ValueError(f"{place} tells any number of classes; invariance takes one a picture")
    if strange := sorted(set(opened.classes) - set(bundle.classes)):
        raise ValueError(f"{opened.where} has classes that {place} does not know: {strange[0]}")
    count = min(limit, len(opened.val))
    source = opened.val.take(np.linspace(0, len(opened.val) - 1, count).round().astype(int))
    decoded, _ = decode(source, bundle.preprocess)
    places = torch.tensor([bundle.classes.index(name) for name in opened.classes])
    targets = places[torch.from_numpy(np.asarray(decoded.targets))]
    stack = torch.from_numpy(np.array(decoded.arrays)).permute(0, 3, 1, 2)
    model = nn.Sequential(Normalize(bundle.preprocess), load_module(bundle))
    folder = bundle.folder.resolve()
    name = folder.parent.name if folder.name == "bundle" else folder.name
    words = "".join(f", {k}={v}" for k, v in bundle.network["words"].items())
    curves = consistency(model, stack, targets)
    return Steady(name, bundle.name + words, len(stack), curves)
