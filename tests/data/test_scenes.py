"""Pixels, boxes, masks and maps move together, and are the same whoever asks for them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.data import Loader
from hubel.data.augment import (
    Affine,
    Brightness,
    Contrast,
    Flip,
    Mirror,
    Mosaic,
    Paste,
    Place,
    Shift,
    TrivialAugment,
    Turn,
    from_dict,
    to_dict,
)  # fmt: skip
from hubel.data.legends import IGNORED
from hubel.data.objects import Mask, encode, write_objects
from hubel.data.objects.types import Scene, Scenes, Thing, gathered
from hubel.data.open_scenes import open_scenes
from hubel.data.planes import ignored
from hubel.data.scenes import decode_scenes
from hubel.pictures import Preprocess

DATA = os.environ.get("HUBEL_DATA")
real = pytest.mark.skipif(not DATA, reason="HUBEL_DATA names no folder of data sets")

STEPS = {
    "mirror": (Mirror(),),
    "alternate": (Mirror(alternate=True),),
    "flip": (Flip(),),
    "turn": (Turn(),),
    "turns": (Turn(), Mirror(), Turn(), Flip(), Turn()),
    "place": (Place(scale=(0.4, 1.8)),),
    "mosaic": (Mosaic(1.0, scale=(0.4, 1.5)),),
    "paste": (Paste(1.0),),
    "all": (Mirror(), Turn(), Place(scale=(0.5, 2)), Mosaic(0.5), Paste(0.5)),
}
COUNT = 10


def colour(scene: int, k: int) -> tuple[int, int, int]:
    """The colour of an object, which says which one it is; above the fill's 1."""
    return 40 + 20 * scene, 60 + 10 * k, 200


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """A COCO folder of black pictures with L-shaped objects in colours of their own."""
    draws = np.random.default_rng(0)
    scenes = []
    for n in range(COUNT):
        size = (int(draws.integers(60, 120)), int(draws.integers(60, 120)))
        picture, things = np.zeros((*size, 3), np.uint8), []
        for k in range(4):
            y, x = 30 * (k // 2) + int(draws.integers(1, 6)), 30 * (k % 2) + int(draws.integers(6))
            pixels = np.zeros(size, bool)
            pixels[y : y + 22, x : x + 9] = pixels[y + 14 : y + 22, x : x + 20] = True
            picture[pixels] = colour(n, k)
            box = (float(x), float(y), float(x + 20), float(y + 22))
            things.append(Thing("ab"[k % 2], box, Mask(size, counts=encode(pixels))))
        scenes.append(Scene(f"{n}.png", size, picture, gathered(f"{n}", size, things, "ab", [])))
    folder = tmp_path_factory.mktemp("blocks") / "data"
    write_objects(Scenes("made", ("a", "b"), {"train": scenes}), folder, "coco")
    return folder


def opened(folder, preprocess, *, kind=None, val=1.0, **words):
    data = open_scenes(folder, kind=kind, val=val)
    scened, findings = decode_scenes(data.val, preprocess, **words)
    assert findings == []
    return scened


def sharp(size=(96, 80), fit="pad", **words):
    """Pixels that are nobody's mixture."""
    return Preprocess(size, fit, filter="nearest", fill=1, **words)


def extent(pixels: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@pytest.mark.parametrize("fit", ["pad", "squash", "crop"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("whole", [False, True])
def test_without_augmentation_pictures_are_those_of_preprocess(blocks, fit, channels, whole):
    preprocess = Preprocess((70, 90), fit, fill=7, pad=3, channels=channels)
    steps = (Mirror(),) if whole else ()
    scened = opened(blocks, preprocess, augment=steps, masks=True)
    batch = scened.batch(0, 0, np.arange(COUNT))
    for n in range(COUNT):
        seen = preprocess(scened.source(n))[:, :, :channels]
        assert np.array_equal(batch.pictures[n].permute(1, 2, 0).numpy(), seen)
        mine = batch.targets.pictures == n
        moved = preprocess.placement(scened.size(n)).to_input(scened.truth(n).boxes)
        if fit != "crop":
            assert mine.sum() == 4
            assert np.abs(batch.targets.boxes[mine].numpy() - moved).max() <= 1


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("fit", ["pad", "squash"])
def test_boxes_and_masks_move_with_the_pixels(blocks, name, masks, fit):
    scened = opened(blocks, sharp(fit=fit), augment=STEPS[name], masks=masks)
    apart = name in ("mosaic", "all", "paste")  # one object may be in a picture twice
    seen = 0
    for epoch in range(3):
        batch = scened.batch(5, epoch, np.arange(COUNT), STEPS[name])
        targets = batch.targets
        assert targets.masks.shape[0] == (len(targets.labels) if masks else 0)
        for k in range(len(targets.labels)):
            picture = batch.pictures[targets.pictures[k]].permute(1, 2, 0).numpy()
            x1, y1, x2, y2 = targets.boxes[k].tolist()
            assert min(x2 - x1, y2 - y1) >= 2
            if masks:
                mask = targets.masks[k].numpy().astype(bool)
                assert np.array_equal(extent(mask), targets.boxes[k].numpy())
                inside = np.unique(picture[mask], axis=0)
                assert len(inside) == 1, "all of a mask is one object"
                whose = (picture == inside[0]).all(axis=2)
                assert apart or np.array_equal(whose, mask)
                assert int(targets.labels[k]) == (inside[0][1] - 60) // 10 % 2
                seen += 1
            elif not apart:
                part = picture[round(y1) : round(y2), round(x1) : round(x2)]
                found = [c for c in np.unique(part.reshape(-1, 3), axis=0) if c[2] == 200]
                box, height, width = np.array([x1, y1, x2, y2]), *picture.shape[:2]
                shown = [extent((picture == c).all(axis=2)) for c in found]
                if (box > 1).all() and (box < (width - 1, height - 1) * 2).all():
                    assert min(np.abs(each - box).max() for each in shown) <= 1.01
                    seen += 1
                else:  # of an L that is cut off, less may be seen than of its box
                    assert any((np.array([1, 1, -1, -1]) * (each - box) > -1.01).all()
                               for each in shown)  # fmt: skip
    assert seen > COUNT or (apart and not masks)


@pytest.mark.parametrize("name", STEPS)
def test_nothing_large_is_left_out(blocks, name):
    scened = opened(blocks, sharp(), augment=STEPS[name], masks=True)
    batch = scened.batch(5, 0, np.arange(COUNT), STEPS[name])
    for n in range(COUNT):
        picture = batch.pictures[n].permute(1, 2, 0).numpy()
        of_objects = picture[..., 2] == 200
        told = batch.targets.masks[batch.targets.pictures == n].numpy().any(axis=0)
        assert not (told & ~of_objects).any()
        assert (of_objects & ~told).mean() < 0.06  # what was cut off too far


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("fit", ["pad", "squash", "crop"])
def test_maps_move_with_the_pixels(blocks, name, fit):
    scened = opened(blocks, sharp(fit=fit), kind="maps", augment=STEPS[name])
    assert scened.classes == ("background", "a", "b")
    for epoch in range(2):
        batch = scened.batch(5, epoch, np.arange(COUNT), STEPS[name])
        green, blue = batch.pictures[:, 1], batch.pictures[:, 2]
        wanted = torch.where(blue == 200, (green.long() - 60) // 10 % 2 + 1, 0)
        wanted[blue == 1] = IGNORED
        different = (batch.targets != wanted).float().mean()
        assert different == 0 or (fit == "crop" and different < 0.02)  # Pillow rounds its own way
        assert batch.targets.dtype == torch.int64


def same(a, b) -> bool:
    if isinstance(a, tuple):
        return all(torch.equal(x, y) for x, y in zip(a, b))
    return torch.equal(a, b)


@pytest.mark.parametrize("kind", ["masks", "maps"])
def test_batches_are_a_pure_function(blocks, kind):
    steps = (*STEPS["all"], Brightness(0.3), Contrast(0.3))
    words = {"augment": steps, "masks": kind == "masks"}
    scened = opened(blocks, Preprocess((64, 64), "pad"), kind=kind, **words)
    one = scened.batch(1, 2, np.array([3, 7]), steps)
    other = scened.batch(1, 2, np.array([7]), steps)
    assert torch.equal(one.pictures[1], other.pictures[0])
    if kind == "masks":
        mine = one.targets.pictures == 1
        assert torch.equal(one.targets.boxes[mine], other.targets.boxes)
        assert torch.equal(one.targets.masks[mine], other.targets.masks)
    else:
        assert torch.equal(one.targets[1], other.targets[0])
    assert not torch.equal(one.pictures, scened.batch(1, 3, np.array([3, 7]), steps).pictures)
    assert not torch.equal(one.pictures, scened.batch(2, 2, np.array([3, 7]), steps).pictures)

    def batches(start=0, **words):
        return list(Loader(scened, batch=3, seed=4, augment=steps, **words).epoch(2, start))

    wanted = batches()
    for words in ({"workers": 2}, {"workers": 3}, {"ahead": True}, {"start": 1}):
        found = batches(**words)
        for a, b in zip(wanted[words.get("start", 0) :], found, strict=True):
            assert torch.equal(a.pictures, b.pictures)
            assert same(a.targets, b.targets)
            assert torch.equal(a.indices, b.indices)


def test_large_pictures_are_kept_small(tmp_path, blocks):
    data = open_scenes(blocks, val=1.0)
    for scene in data.val.scenes:
        picture = np.asarray(Image.open(scene.picture)).repeat(4, 0).repeat(4, 1)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "images" / scene.name.split("/")[-1])
    objects = [s.objects for s in data.val.scenes]
    scenes = []
    for scene, o in zip(data.val.scenes, objects):
        size = (scene.size[0] * 4, scene.size[1] * 4)
        things = [
            Thing(data.classes[label], tuple(box * 4), Mask(size, counts=encode(
                mask.array().repeat(4, 0).repeat(4, 1))))
            for box, label, mask in zip(o.boxes, o.labels, o.masks)
        ]  # fmt: skip
        path = tmp_path / "images" / scene.name.split("/")[-1]
        scenes.append(Scene(path.name, size, path, gathered("", size, things, data.classes, [])))
    write_objects(Scenes("made", data.classes, {"val": scenes}), tmp_path / "large", "coco")
    steps = (Mirror(), Place(scale=(0.8, 1.3)))
    large = opened(tmp_path / "large", sharp(), augment=steps, masks=True, canvas=50)
    assert max(picture.shape[0] for picture in large.kept) <= 120
    batch = large.batch(0, 0, np.arange(COUNT), steps)
    small = opened(blocks, sharp(), augment=steps, masks=True).batch(0, 0, np.arange(COUNT), steps)
    assert torch.equal(batch.targets.labels, small.targets.labels)
    assert (batch.targets.boxes - small.targets.boxes).abs().max() <= 2


def test_steps_that_would_leave_boxes_behind_are_refused(blocks):
    for step in (Shift(3), Affine(rotate=5), TrivialAugment()):
        with pytest.raises(ValueError, match="does not move boxes"):
            opened(blocks, sharp(), augment=(Mirror(), step))
    plain = opened(blocks, sharp(), augment=(Brightness(0.2),))
    assert plain.batch(0, 0, np.arange(2), (Brightness(0.2),)).pictures.dtype == torch.float32
    with pytest.raises(ValueError, match="give decode_scenes the steps"):
        plain.batch(0, 0, np.arange(2), (Mirror(),))


def test_crowds_and_difficult_objects_are_not_trained_on(tmp_path):
    size, box = (20, 30), (2.0, 3.0, 12.0, 13.0)
    picture = np.zeros((*size, 3), np.uint8)
    things = [Thing("a", box), Thing("a", box, crowd=True), Thing("a", box, difficult=True)]
    objects = gathered("x", size, things, ["a"], [])
    for kind, left in (("coco", 3), ("voc", 3)):
        scene = Scene("x.png", size, picture, objects)
        write_objects(Scenes("made", ("a",), {"val": [scene]}), tmp_path / kind, kind)
        scened = opened(tmp_path / kind, Preprocess((20, 30)))
        assert len(scened.truth(0)) == left
        targets = scened.batch(0, 0, np.arange(1)).targets
        assert len(targets.labels) == 2  # neither file can say both
        assert targets.ignored.tolist() == [[0, *box]]


@pytest.mark.parametrize("name", ["mirror", "turns", "place", "mosaic", "all"])
def test_regions_to_ignore_move_with_the_pixels(blocks, tmp_path, name):
    """Beside every object a crowd with the same box: both move alike."""
    data = open_scenes(blocks, val=1.0)
    scenes = []
    for scene in data.val.scenes:
        boxes = scene.objects.boxes[:2].tolist()
        things = [Thing("a", tuple(box), crowd=crowd) for box in boxes for crowd in (False, True)]
        objects = gathered("", scene.size, things, data.classes, [])
        scenes.append(Scene(scene.name, scene.size, scene.picture, objects))
    write_objects(Scenes("made", data.classes, {"val": scenes}), tmp_path / "crowds", "coco")
    steps = tuple(step for step in STEPS[name] if not isinstance(step, Paste))
    scened = opened(tmp_path / "crowds", sharp(), augment=steps)
    targets = scened.batch(5, 1, np.arange(COUNT), steps).targets
    objects = torch.cat([targets.pictures[:, None].float(), targets.boxes], 1).tolist()
    assert len(objects) >= COUNT
    assert all(each in targets.ignored.tolist() for each in objects)
    again = scened.batch(5, 1, np.array([7, 3]), steps).targets.ignored
    parts = [targets.ignored[targets.ignored[:, 0] == n, 1:] for n in (7, 3)]
    assert torch.equal(again[:, 1:], torch.cat(parts))
    assert again[:, 0].tolist() == [0] * len(parts[0]) + [1] * len(parts[1])


def test_objects_without_the_mask_asked_for_are_ignored():
    mask = Mask((20, 30), counts=(0, 600))
    things = [Thing("a", (0, 0, 30, 20), mask), Thing("a", (2, 3, 12, 13))]
    objects = gathered("x", (20, 30), things, ["a"], [])
    assert len(ignored(objects, masks=False)) == 0
    assert ignored(objects, masks=True).tolist() == [[2, 3, 12, 13]]


def test_words_there_and_back():
    steps = (Mirror(), Place(scale=(0.5, 1.5)), Mosaic(0.5), Brightness(0.2), Turn(), Paste(0.1))
    assert from_dict(to_dict(steps)) == steps
    with pytest.raises(ValueError, match="place: scale"):
        Place(scale=(2, 1))
    with pytest.raises(ValueError, match="mosaic: share"):
        Mosaic(2)


@real
@pytest.mark.parametrize(
    ("name", "size", "fit"),
    [("bccd", (320, 320), "pad"), ("camvid", (180, 240), "squash"), ("nuclei", (256, 256), "pad")],
)
def test_real_pictures(name, size, fit):
    data = open_scenes(Path(DATA) / name)
    assert data.findings == ()
    steps = (Mirror(), Place(scale=(0.5, 1.5)), Mosaic(0.5), Brightness(0.2))
    few = data.train.take(np.arange(12))
    masks = data.kind == "masks"
    scened, findings = decode_scenes(few, Preprocess(size, fit), augment=steps, masks=masks)
    assert findings == []
    batch = scened.batch(0, 0, np.arange(12), steps)
    assert batch.pictures.shape == (12, 3, *size)
    if data.kind == "maps":
        assert batch.targets.shape == (12, *size)
        assert set(batch.targets.unique().tolist()) <= {*range(11), IGNORED}
    else:
        assert len(batch.targets.labels) > 100
        assert batch.targets.boxes.min() >= 0
        assert batch.targets.boxes.max() <= max(size)
