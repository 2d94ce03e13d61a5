"""What a served network sees: heat maps, feature maps, its table. Only this part needs torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hubel.pictures import PictureError
from hubel.pictures.admit import admit
from hubel.runtime.names import unknown
from hubel.serve.aside import Aside, png, url
from hubel.serve.errors import Refused, unreadable
from hubel.serve.limits import Limits
from hubel.serve.models import Served, has_torch
from hubel.serve.shapes import seen

if TYPE_CHECKING:
    from torch import Tensor, nn

    from hubel.analysis.account import Line

T = TypeVar("T")

MAPS = 12
"""Feature maps of each stage, those that vary most."""
STRENGTH = 0.85  # how much the hottest hides of the picture below it


class Looker:
    """Explains one picture at a time, in a thread of its own, so that answers go on meanwhile.

    Every question is Refused with 409 where there is no torch, or where the network or its task
    has nothing to explain.
    """

    def __init__(self, limits: Limits):
        self._aside = Aside(limits, "explanations")
        self.close = self._aside.close
        self._modules: dict[str, nn.Module] = {}

    async def heat(self, served: Served, data: bytes, label: str | None, method: str) -> bytes:
        """A PNG of what the network saw, with the heat of this method on it."""
        return await self._done(partial(self._heat, served, data, label, method))

    async def maps(self, served: Served, data: bytes, label: str | None) -> dict[str, Any]:
        """Heat maps to lay over the picture, and the feature maps of every stage."""
        return await self._done(partial(self._maps, served, data, label))

    async def layers(self, served: Served) -> dict[str, Any]:
        """The network's table, by blocks and by layers."""
        return await self._done(partial(_table, served))

    async def _done(self, work: Callable[[], T]) -> T:
        if not has_torch():
            rule = "pip install 'hubel[train]' where it runs"
            raise Refused(409, f"explaining needs torch, which this service has not; {rule}")
        return await self._aside.done(work)

    def _heat(self, served: Served, data: bytes, label: str | None, method: str) -> bytes:
        _admitted(served, data)  # before torch is loaded for it
        import torch

        from hubel.explain.heat import heats, occlusion
        from hubel.report.heat import over

        module, pixels, x = self._prepared(served, data)
        shown = _chosen(served, module, x, label)
        if method == "occlusion":
            heat = occlusion(module, x[0], shown)
        else:
            heat = getattr(heats(module, x, torch.tensor([shown])), method)[0]
        return png(over(pixels, heat))

    def _maps(self, served: Served, data: bytes, label: str | None) -> dict[str, Any]:
        size = _admitted(served, data)  # before torch is loaded for it
        import torch

        from hubel.explain.heat import heats
        from hubel.explain.maps import passed, stages
        from hubel.ops.account import evaluating

        module, pixels, x = self._prepared(served, data)
        shown = _chosen(served, module, x, label)
        found = heats(module, x, torch.tensor([shown]))
        with evaluating(module):
            maps = stages(module, passed(module, x)[1])
        return {
            "model": served.name,
            "label": served.bundle.classes[shown],
            "layer": found.layer,
            "seen": seen(served, size),
            "input": url(pixels),
            "heats": {
                "gradcam": url(_glow(found.gradcam[0])),
                "gradcam_plus": url(_glow(found.gradcam_plus[0])),
            },
            "stages": [
                _stage(m.name.removeprefix("network."), m.values.detach()[0].numpy()) for m in maps
            ],
        }

    def _prepared(self, served: Served, data: bytes) -> tuple[nn.Module, np.ndarray, Tensor]:
        """The network, the picture as it gets it, uint8 (H, W, 3), and that as (1, C, H, W)."""
        import torch

        from hubel.ops.normalize import Normalize

        preprocess = served.bundle.preprocess
        try:
            pixels = preprocess(data)
        except PictureError as error:
            raise unreadable(error) from None
        given = pixels if preprocess.channels == 3 else pixels[..., :1]
        stack = torch.from_numpy(np.ascontiguousarray(given)).permute(2, 0, 1)[None]
        return self._module(served), pixels, Normalize(preprocess)(stack)

    def _module(self, served: Served) -> nn.Module:
        from hubel.export.bundle import load_evidence

        if served.name not in self._modules:
            try:
                self._modules[served.name] = load_evidence(served.bundle)
            except ValueError as error:
                raise Refused(409, f"this network cannot be explained: {error}") from None
        return self._modules[served.name]


def _admitted(served: Served, data: bytes) -> tuple[int, int]:
    try:
        return admit(data, served.limits.pixels)
    except PictureError as error:
        raise unreadable(error) from None


def _chosen(served: Served, module: nn.Module, x: Tensor, label: str | None) -> int:
    """The class to explain: the one asked for, or that for which most speaks."""
    import torch

    classes = served.bundle.classes
    if label is None:
        with torch.no_grad():
            return int(module(x)[0].argmax())
    if label not in classes:
        raise Refused(422, str(unknown("class", label[:100], classes)))
    return classes.index(label)


def _table(served: Served) -> dict[str, Any]:
    import torch

    from hubel.analysis.account import blocks, layers
    from hubel.export.bundle import built
    from hubel.ops.account import account as counted

    bundle = served.bundle
    try:
        with torch.device("meta"):
            module = built(bundle)
        account = counted(module, (bundle.preprocess.channels, *bundle.preprocess.input_size))
    except ValueError as error:
        raise Refused(409, f"this network has no table: {error}") from None
    lines = layers(account)
    return {
        "model": served.name,
        "params": account.params,
        "macs": account.macs,
        "blocks": [_line(line) for line in blocks(lines, module)],
        "layers": [_line(line) for line in lines],
    }


def _line(line: Line) -> dict[str, Any]:
    place = line.place if line.is_map else None
    axes = [place.rows, place.columns] if place else []
    return {
        "name": line.name,
        "kind": line.kind,
        "times": line.times,
        "shape": list(line.shape),
        "params": line.params,
        "macs": line.macs,
        "field": [_finite(axis.field) for axis in axes] or None,
        "jump": [axis.jump for axis in axes] or None,
        "offset": [axis.offset for axis in axes] or None,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _glow(heat: np.ndarray) -> np.ndarray:
    """(H, W) -> RGBA: the colour of the heat, the more solid the hotter."""
    from hubel.report.heat import hot

    top = float(heat.max())
    share = np.clip(heat / top, 0, 1) if top > 0 else np.zeros(heat.shape)
    solid = np.round(255 * STRENGTH * share**0.7).astype(np.uint8)
    return np.dstack([hot(share), solid])


def _stage(name: str, values: np.ndarray) -> dict[str, Any]:
    """Maps (C, h, w) of a stage: those that vary most, beside each other in one picture."""
    from hubel.report.heat import stretched

    varied = np.argsort(-values.std(axis=(1, 2)), kind="stable")[:MAPS]
    return {
        "layer": name,
        "width": len(values),
        "cells": list(values.shape[1:]),
        "channels": varied.tolist(),
        "maps": url(np.concatenate([stretched(values[c]) for c in varied], axis=1)),
    }
