"""All that is found out about a network and some pictures, as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.explain.excite import Excited, excited
from hubel.explain.field import Field, fields
from hubel.explain.heat import heats, occlusion
from hubel.explain.maps import Heat, passed, stages
from hubel.ops.account import evaluating

CHANNELS = 6
MAPS = 16


@dataclass(frozen=True, eq=False)
class Stage:
    """Feature maps of one layer: the most varied channels and their maps (k, h, w)."""

    layer: str
    width: int
    channels: tuple[int, ...]
    maps: Heat


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, as the network gets it, uint8 (H, W, C), and what speaks for `label` in it.

    `top` are (class, probability); the heat maps are (H, W), `cells` is Grad-CAM as the layer gave
    it. `excited` are the channels that add most to the heat, the strongest first.
    """

    name: str
    pixels: NDArray[np.uint8]
    top: tuple[tuple[str, float], ...]
    label: str
    confidence: float
    gradcam: Heat
    gradcam_plus: Heat
    occlusion: Heat
    cells: Heat
    stages: tuple[Stage, ...]
    excited: tuple[Excited, ...]

    def to_dict(self) -> dict[str, Any]:
        """Numbers for --json: probabilities, Grad-CAM's cells, where each map is hottest."""
        maps = {"gradcam": self.gradcam, "gradcam_plus": self.gradcam_plus}
        maps["occlusion"] = self.occlusion
        return {
            "picture": self.name,
            "explained": self.label,
            "confidence": self.confidence,
            "top": [list(pair) for pair in self.top],
            "hottest": {name: _hottest(heat) for name, heat in maps.items()},
            "largest_fall": float(self.occlusion.max()),
            "cells": np.round(self.cells, 6).tolist(),
            "channels": [
                {"channel": e.channel, "strength": e.strength, "cell": list(e.cell), "box": e.box}
                for e in self.excited
            ],
        }


@dataclass(frozen=True, eq=False)
class Explained:
    """A network, the layer that was explained, its first filters (c_out, c_in, k, k), its fields,
    the pictures, and the page where one was written.
    """

    network: str
    layer: str
    filters: Heat | None
    fields: tuple[Field, ...]
    pictures: tuple[Picture, ...] = field(repr=False)
    page: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for --json."""
        return {
            "network": self.network,
            "layer": self.layer,
            "page": None if self.page is None else str(self.page),
            "receptive_fields": [
                {
                    "layer": f.layer,
                    "cells": list(f.cells),
                    "theoretical": [None if n != n else n for n in f.theoretical],
                    "effective": f.effective,
                }
                for f in self.fields
            ],
            "pictures": [picture.to_dict() for picture in self.pictures],
        }


def look(
    name: str,
    module: nn.Module,
    normalize: nn.Module,
    pictures: Sequence[tuple[str, NDArray[np.uint8]]],
    classes: Sequence[str],
    label: int | None = None,
    temperature: float = 1.0,
) -> Explained:
    """Everything about these pictures (name, uint8 (H, W, C) as the network gets them).

    `label` is the class to explain, by default each picture's own answer.
    """
    place = next(module.parameters()).device
    stack = torch.stack([torch.from_numpy(np.array(p)).permute(2, 0, 1) for _, p in pictures])
    x: Tensor = normalize(stack).to(place)
    found, layer = [], ""
    for (picture, pixels), one in zip(pictures, x):
        made, layer = _picture(module, picture, pixels, one, classes, label, temperature)
        found.append(made)
    return Explained(name, layer, filters(module), tuple(fields(module, x[:8])), tuple(found))


def _picture(
    module: nn.Module,
    name: str,
    pixels: NDArray[np.uint8],
    x: Tensor,
    classes: Sequence[str],
    label: int | None,
    temperature: float,
) -> tuple[Picture, str]:
    with evaluating(module):
        logits, maps = passed(module, x[None])
    p = (logits.detach()[0].double() / temperature).softmax(0).cpu().numpy()
    order = np.argsort(-p, kind="stable")[:5]
    shown = int(order[0]) if label is None else label
    heat = heats(module, x[None], torch.tensor([shown], device=x.device))
    strongest = np.argsort(-heat.channels[0], kind="stable")[:CHANNELS]
    picture = Picture(
        name,
        pixels,
        tuple((classes[k], float(p[k])) for k in order),
        classes[shown],
        float(p[shown]),
        heat.gradcam[0],
        heat.gradcam_plus[0],
        occlusion(module, x, shown),
        heat.cells[0],
        tuple(_stage(m.name, m.values.detach()[0].cpu().numpy()) for m in stages(module, maps)),
        tuple(excited(module, x, [int(k) for k in strongest if heat.channels[0, k] > 0])),
    )
    return picture, heat.layer


def _stage(name: str, values: NDArray[np.float32]) -> Stage:
    varied = np.argsort(-values.std(axis=(1, 2)), kind="stable")[:MAPS]
    return Stage(name, len(values), tuple(map(int, varied)), values[varied])


def filters(module: nn.Module) -> Heat | None:
    """The kernels of the first convolution (c_out, c_in, k, k); None where there is none to see."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            return part.weight.detach().float().cpu().numpy() if max(part.kernel_size) > 1 else None
    return None


def _hottest(heat: Heat) -> list[int]:
    """Row and column of the largest value."""
    return [int(i) for i in np.unravel_index(int(heat.argmax()), heat.shape)]
