"""For every pixel of a picture whose it is: class maps and the masks of objects in one form."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.data.maps import Mapped
from hubel.data.objects.types import Objects


@dataclass(frozen=True)
class Planes:
    """The way from a scene to its planes: uint8 (h, w, C), at the size of the picture or, with
    `least`, at the part of it that `read_picture` makes with the same.

    A class map is one plane of class numbers. Of objects each plane is two bytes, a number k + 1
    for the pixels of the k-th trained one, in as many planes as they overlap.
    """

    least: int | None = None
    masks: bool = True
    """Whether objects without a mask are not trained on."""

    channels = None

    def __call__(self, scene: Any) -> NDArray[np.uint8]:
        """A `Scene` or a `Mapped` -> its planes."""
        if isinstance(scene, Mapped):
            return self._reduced(scene.map()[:, :, None])
        layers: list[NDArray[np.uint16]] = []
        for number, mask in enumerate(trained(scene.objects, self.masks).masks, 1):
            if mask is None:
                continue
            pixels = mask.array()
            for layer in layers:
                if not layer[pixels].any():
                    layer[pixels] = number
                    break
            else:
                layers.append(np.where(pixels, np.uint16(number), np.uint16(0)))
        layers = layers or [np.zeros(scene.size, np.uint16)]
        whole = np.ascontiguousarray(self._reduced(np.stack(layers, axis=2)))
        return whole.view(np.uint8)

    def _reduced(self, planes: NDArray[Any]) -> NDArray[Any]:
        height, width = planes.shape[:2]
        room = min(height, width) // self.least if self.least else 1
        k = next(k for k in (8, 4, 2, 1) if room >= k or k == 1)
        if k == 1:
            return planes
        rows = np.minimum(np.arange(0, height, k) + k // 2, height - 1)
        columns = np.minimum(np.arange(0, width, k) + k // 2, width - 1)
        return planes[rows][:, columns]

    def to_dict(self) -> dict[str, Any]:
        """What shapes the planes, for the key under which they are kept."""
        return {"planes": 1, **asdict(self)}


def trained(objects: Objects, masks: bool) -> Objects:
    """The objects that are trained on: no crowds, none that are difficult and, for `masks`, those
    that have one.
    """
    return objects.take(np.flatnonzero(_are_trained(objects, masks)).tolist())


def ignored(objects: Objects, masks: bool) -> NDArray[np.float64]:
    """The boxes (n, 4) of all others: what is in them is not known to be ground."""
    return objects.boxes[~_are_trained(objects, masks)]


def _are_trained(objects: Objects, masks: bool) -> NDArray[np.bool_]:
    has_mask = np.array([mask is not None for mask in objects.masks], bool)
    return objects.counted & (has_mask | (not masks))
