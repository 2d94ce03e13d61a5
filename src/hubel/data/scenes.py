"""Pictures with what lies in them, decoded once, and batches in which both move together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hubel.data.augment import Step, numbers
from hubel.data.colour import Brightness, Contrast, Lighting
from hubel.data.decoding import Pictures, decode, decode_by
from hubel.data.frames import Frame
from hubel.data.geometry import Erase
from hubel.data.legends import IGNORED
from hubel.data.maps import Mapped
from hubel.data.moving import Mosaic, Paste
from hubel.data.objects.types import NOTHING, Objects, Scene
from hubel.data.open_scenes import SceneSource
from hubel.data.placing import Tile, View, cornered, framed, placed
from hubel.data.planes import Planes, ignored, trained
from hubel.data.types import Batch, Finding, Source, Taken
from hubel.pictures import PictureError, Preprocess
from hubel.pictures.read import Readable

COLOURS = (Brightness, Contrast, Lighting, Erase)
"""Steps that leave everything where it is."""


class Targets(NamedTuple):
    """The M objects of a batch: `pictures` int64 (M,) says which picture of the batch each is in;
    `boxes` float32 (M, 4), x1 y1 x2 y2 in pixels of the network's input; `labels` int64 (M,);
    `masks` uint8 (M, H, W), or (0, 0, 0) where none are asked for. `ignored` float32 (R, 5): a
    picture of the batch, and the box of a region of it where nobody says what is there.
    """

    pictures: Tensor
    boxes: Tensor
    labels: Tensor
    masks: Tensor
    ignored: Tensor = torch.zeros(0, 5)


@dataclass(frozen=True, eq=False)
class Scened:
    """Pictures with objects or class maps, decoded: what batches are made of.

    `kept` are the pictures as the network sees them or, if `whole`, such that augmentation can cut
    from them; `planes` say whose each of their pixels is, `objects` are those trained on, `ignored`
    the boxes (n, 4) of the others.
    """

    scenes: Sequence[Scene | Mapped] = field(repr=False)
    classes: tuple[str, ...]
    preprocess: Preprocess
    kept: Sequence[NDArray[np.uint8]] = field(repr=False)
    planes: Sequence[NDArray[np.uint8]] | None = field(repr=False)
    objects: Sequence[Objects] = field(repr=False)
    ignored: Sequence[NDArray[np.float64]] = field(repr=False)
    masks: bool
    whole: bool
    note: str = ""
    """Where the pixels are, if not in the cache."""

    def __len__(self) -> int:
        return len(self.scenes)

    @cached_property
    def names(self) -> list[str]:
        """Of the pictures."""
        return [scene.name for scene in self.scenes]

    def source(self, i: int) -> Readable:
        """The picture as it lies there: what `read_picture` takes."""
        return self.scenes[i].picture

    def size(self, i: int) -> tuple[int, int]:
        """Height and width of the picture as it lies there."""
        return self.scenes[i].size

    def truth(self, i: int) -> Objects | NDArray[np.uint8]:
        """All objects of a picture, in its own pixels; or its class map (h, w)."""
        scene = self.scenes[i]
        return scene.objects if isinstance(scene, Scene) else scene.map()

    def batch(
        self, seed: int, epoch: int, indices: NDArray[Any], augment: Sequence[Step] = ()
    ) -> Batch:
        """Pictures uint8 (after colour steps float32) (N, C, H, W) with what lies in them:
        `Targets`, or of class maps int64 (N, H, W). A pure function of its arguments.

        Without augmentation the pictures are what `preprocess` makes. Steps that move are one
        resampling, whatever their order; those that change colours come after them.
        """
        indices = np.asarray(indices)
        if moves(augment) and not self.whole:
            rule = "these pictures were decoded as they are seen without augmentation"
            raise ValueError(f"{rule}; give decode_scenes the steps")
        given = numbers(augment, seed, epoch, indices)
        show = _Show(self, seed, epoch, augment)
        frames = [show.frame(i, [u[n] for u in given]) for n, i in enumerate(indices.tolist())]
        pictures = torch.from_numpy(np.stack([frame.pixels for frame in frames]))
        pictures = pictures.permute(0, 3, 1, 2)  # channels-last in memory
        for step, u in zip(augment, given):
            if isinstance(step, COLOURS):
                pictures = step(pictures, u)
        return Batch(pictures, self._targets(frames), torch.from_numpy(indices))

    def _targets(self, frames: list[Frame]) -> Targets | Tensor:
        if frames[0].of_classes:
            maps = np.stack([frame.planes[..., 0] for frame in frames])  # type: ignore[index]
            return torch.from_numpy(maps.astype(np.int64))
        found = [frame.objects() for frame in frames]
        counts = [len(labels) for _, labels, _ in found]
        regions = [np.insert(frame.ignored, 0, n, axis=1) for n, frame in enumerate(frames)]
        masks = np.zeros((0, 0, 0), np.uint8)
        if self.masks:
            masks = np.zeros((sum(counts), *self.preprocess.input_size), np.uint8)
            every = ((frame, k) for frame, (_, _, ks) in zip(frames, found) for k in ks.tolist())
            for mask, (frame, k) in zip(masks, every):
                top, left, inside = frame.mask(k)
                mask[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        return Targets(
            torch.from_numpy(np.repeat(np.arange(len(frames)), counts)),
            torch.from_numpy(np.concatenate([boxes for boxes, _, _ in found]).astype(np.float32)),
            torch.from_numpy(np.concatenate([labels for _, labels, _ in found])),
            torch.from_numpy(masks),
            torch.from_numpy(np.concatenate(regions).astype(np.float32)),
        )


@dataclass(frozen=True)
class _Show:
    """The frames of an epoch."""

    data: Scened
    seed: int
    epoch: int
    augment: Sequence[Step]

    def frame(self, i: int, own: Sequence[NDArray[np.float64]]) -> Frame:
        """What the network sees of picture i, but for colours; `own` are its numbers."""
        frame, many = None, len(self.data)
        for step, u in zip(self.augment, own):
            if isinstance(step, Mosaic) and (
                four := step.four(framed(self.data.preprocess), u, i, many)
            ):
                views = [replace(self.view(j), scale=scale, at=at) for j, _, scale, at in four]
                tiles = [
                    cornered(self.data.size(j), self.data.preprocess, view, shown, corner)
                    for corner, ((j, shown, _, _), view) in enumerate(zip(four, views))
                ]
                frame = self.laid([j for j, *_ in four], tiles)
        frame = frame or self.alone(i, own)
        for step, u in zip(self.augment, own):
            if isinstance(step, Paste) and (j := step.other(u, many)) is not None:
                other = self.alone(j)
                frame.paste(other, step.chosen(u, 256 if other.of_classes else len(other.labels)))
        return frame

    def alone(self, i: int, own: Sequence[NDArray[np.float64]] | None = None) -> Frame:
        """Picture i by itself."""
        size, preprocess = self.data.size(i), self.data.preprocess
        return self.laid([i], [placed(size, preprocess, self.view(i, own))])

    def view(self, i: int, own: Sequence[NDArray[np.float64]] | None = None) -> View:
        """How picture i is seen in this epoch."""
        if own is None:
            own = [u[0] for u in numbers(self.augment, self.seed, self.epoch, np.array([i]))]
        view = View()
        for step, u in zip(self.augment, own):
            view = step.moved(view, u) if hasattr(step, "moved") else view
        return view

    def laid(self, numbers: list[int], tiles: list[Tile]) -> Frame:
        """A frame of pictures, each in its tile."""
        data, size = self.data, self.data.preprocess.input_size
        planes = [None if data.planes is None else data.planes[i] for i in numbers]
        empty: Any = None
        if planes[0] is not None and isinstance(data.scenes[0], Mapped):
            empty = np.full((*size, 1), IGNORED, np.uint8)
        elif planes[0] is not None:
            planes = [each.view(np.uint16) for each in planes]  # type: ignore[union-attr]
            deepest = max(each.shape[2] for each in planes)  # type: ignore[union-attr]
            empty = np.zeros((*size, deepest), np.uint16)
        pixels = np.full((*size, data.preprocess.channels), data.preprocess.fill, np.uint8)
        frame = Frame(pixels, np.zeros((0, 4)), np.zeros(0, np.int64), empty)
        for i, tile, plane in zip(numbers, tiles, planes):
            top, left, bottom, right = tile.window
            if top < bottom and left < right:
                seen = self.pixels(i, tile)
                frame.lay(tile, seen, plane, data.objects[i], data.ignored[i])
        return frame

    def pixels(self, i: int, tile: Tile) -> NDArray[np.uint8]:
        """What the tile shows of picture i. Seen plainly it is to the bit what `Preprocess` makes,
        unless the picture is kept at a part of its size.
        """
        kept, preprocess = self.data.kept[i], self.data.preprocess
        if self.data.whole and tile.view != View():
            return tile.pixels(kept, preprocess.filter)
        top, left, bottom, right = tile.window
        if self.data.whole:
            grey = kept.shape[2] == 1
            kept = preprocess.fitted(kept[:, :, 0] if grey else kept)
            kept = kept[:, :, None] if grey else kept
        return kept[top:bottom, left:right]


def moves(augment: Sequence[Step]) -> bool:
    """Whether any of the steps moves or mixes pictures; ValueError for one that would move pixels
    and not what lies there.
    """
    for step in augment:
        name = type(step).__name__.lower()
        if not isinstance(step, (*COLOURS, Mosaic, Paste)) and not hasattr(step, "moved"):
            rule = "it does not move boxes, masks and class maps along with the pixels"
            remedy = "use mirror, flip, turn, place, mosaic, paste and the steps for colours"
            raise ValueError(f"augmentation {name}: {rule}; {remedy}")
    return not all(isinstance(step, COLOURS) for step in augment)


def decode_scenes(
    source: SceneSource,
    preprocess: Preprocess,
    *,
    augment: Sequence[Step] = (),
    canvas: int | None = None,
    masks: bool = False,
    workers: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Scened, list[Finding]]:
    """All pictures of a source with what lies in them, and those left out.

    Where steps of `augment` move them they are kept whole, at 1/2, 1/4 or 1/8 where both sides have
    at least `canvas` pixels then (by default those of the network's input), else as `preprocess`
    makes them. `masks` asks for the masks of objects; objects without one are not trained on then.
    Pixels and masks are kept in the cache as `decode` says. ValueError for steps that do not move
    what lies in the pictures, and where no picture can be used.
    """
    whole = moves(augment)
    least = (canvas or max(preprocess.size)) if whole else None
    source, findings = _usable(source, preprocess, masks)
    every = [NOTHING if isinstance(scene, Mapped) else scene.objects for scene in source.scenes]
    objects = [trained(each, masks) for each in every]
    places = np.arange(len(source))
    numbered = Source(source.classes, source.names, places, source.pictures, source.files)
    pictures, broken = decode(numbered, preprocess, least=least, workers=workers, say=say)
    used, planes = pictures.targets, None
    pasted = any(isinstance(step, Paste) for step in augment) and all(
        mask is not None for each in objects for mask in each.masks
    )
    if source.maps or masks or pasted:
        scenes: Any = source.scenes
        truths = replace(numbered, pictures=scenes, files=source.masks, says=source.digest)
        whose, lost = decode_by(truths, Planes(least, masks), workers=workers)
        broken += lost
        used = np.intersect1d(used, whose.targets)
        planes = _at(whose, used)
    data = Scened(
        scenes=[source.scenes[i] for i in used.tolist()],
        classes=source.classes,
        preprocess=preprocess,
        kept=_at(pictures, used),
        planes=planes,
        objects=[objects[i] for i in used.tolist()],
        ignored=[ignored(every[i], masks) for i in used.tolist()],
        masks=masks,
        whole=whole,
        note=pictures.note,
    )
    return data, [*findings, *broken]


def _at(pictures: Pictures, numbers: NDArray[np.int64]) -> Sequence[NDArray[np.uint8]]:
    """Those of the pictures that had these numbers before some were left out."""
    arrays: Any = pictures.arrays
    return Taken(arrays, np.searchsorted(pictures.targets, numbers))


def _usable(
    source: SceneSource, preprocess: Preprocess, masks: bool
) -> tuple[SceneSource, list[Finding]]:
    """Without pictures that no input can be made of; and objects that lack the mask asked for."""
    good, findings = [], []
    for i, scene in enumerate(source.scenes):
        try:
            preprocess.placement(scene.size)
            good.append(i)
        except PictureError as error:
            findings.append(Finding(scene.name, error.kind, f"{error.message}; left out"))
        if masks and isinstance(scene, Scene):
            bare = len(trained(scene.objects, False)) - len(trained(scene.objects, True))
            if bare:
                message = f"{bare} of its objects have no mask; they are not trained on"
                findings.append(Finding(scene.name, "no mask", message))
    return source.take(np.array(good, np.int64)), findings
