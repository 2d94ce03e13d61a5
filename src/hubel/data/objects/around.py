"""Pictures of one object each, cut around the objects of a class: what localization learns from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hubel.data.objects.types import Objects, Scene, Scenes
from hubel.pictures.read import read_picture
from hubel.runtime.names import unknown

MARGIN = (0.1, 1.5)
"""What is left on each side of a box, in shares of its longer side: least, most."""
SHARED = 0.25
"""No cut shows more than this share of another object of the class."""


def around(scenes: Scenes, label: str, *, times: int = 1, seed: int = 0) -> Scenes:
    """Every object of a class in a picture of its own, `times` with other margins.

    Each margin is drawn by itself, evenly within MARGIN, up to the edge of the picture: a function
    of the seed, the picture and the object alone. Cuts in which more than SHARED of another object
    of the class is seen are left out, and so are objects that are crowds or difficult. ValueError
    for a class that is not there.
    """
    if label not in scenes.classes:
        raise unknown("class", label, scenes.classes)
    k = scenes.classes.index(label)
    parts = {}
    for p, (part, inside) in enumerate(scenes.parts.items()):
        numbered = enumerate(inside)
        parts[part] = [cut for i, scene in numbered for cut in _cuts(scene, k, times, (seed, p, i))]
    return Scenes(f"{label} of {scenes.kind}", (label,), parts, list(scenes.findings))


def _cuts(scene: Scene, k: int, times: int, seed: tuple[int, int, int]) -> Iterator[Scene]:
    objects = scene.objects
    mine = np.flatnonzero(objects.labels == k)
    chosen = [(i, n) for i in mine.tolist() if objects.counted[i] for n in range(times)]
    picture = read_picture(scene.picture) if chosen else None
    for i, n in chosen:
        margins = np.random.default_rng((*seed, i, n)).uniform(*MARGIN, 4)
        x1, y1, x2, y2 = objects.boxes[i]
        out = margins * max(x2 - x1, y2 - y1) * (-1, -1, 1, 1)
        height, width = scene.size
        edge = (objects.boxes[i] + out).round().clip(0, (width, height, width, height))
        left, top, right, bottom = edge.astype(int).tolist()
        others = objects.boxes[mine[mine != i]]
        sides = others[:, 2:] - others[:, :2]
        seen = (others.clip((left, top) * 2, (right, bottom) * 2)).reshape(-1, 2, 2)
        shares = (seen[:, 1] - seen[:, 0]).prod(axis=1) / sides.prod(axis=1)
        if (shares > SHARED).any() or picture is None:
            continue
        box = objects.boxes[i] - (left, top, left, top)
        size = (bottom - top, right - left)
        stem, _, _ = scene.name.rpartition(".")
        yield Scene(
            f"{stem or scene.name}-{i}-{n}.png",
            size,
            np.ascontiguousarray(picture[top:bottom, left:right]),
            Objects(
                np.clip(box, 0, (size[1], size[0]) * 2)[None].round(6),
                np.zeros(1, np.int64),
                (None,),
                np.zeros(1, bool),
                np.zeros(1, bool),
            ),
        )
