from __future__ import annotations

import numpy as np

from hubel.data.objects import open_objects, write_objects
from hubel.data.objects.shapes import CLASSES, read_shapes


def test_a_scene_is_a_function_of_seed_and_number():
    few, more = read_shapes(3, 1, seed=4), read_shapes(5, 2, seed=4)
    other = read_shapes(3, 1, seed=5)
    for a, b, c in zip(few.parts["train"], more.parts["train"], other.parts["train"]):
        assert (a.picture == b.picture).all()
        assert a.objects.boxes.tolist() == b.objects.boxes.tolist()
        assert (a.picture != c.picture).any()


def test_boxes_and_masks_fit_and_every_class_is_there():
    scenes = read_shapes(40, 1)
    seen = set()
    for scene in scenes.parts["train"]:
        assert scene.picture.shape == (128, 128, 3)
        assert len(scene.objects) >= 1
        covered = np.zeros((128, 128), int)
        for box, label, mask in zip(scene.objects.boxes, scene.objects.labels, scene.objects.masks):
            assert mask.box() == tuple(box)
            covered += mask.array()
            seen.add(CLASSES[label])
        assert covered.max() == 1  # each pixel belongs to the shape in front
    assert seen == set(CLASSES)
    assert scenes.findings == []


def test_shapes_are_a_name_and_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr("hubel.data.objects.open.read_shapes", lambda most: read_shapes(3, 2))
    write_objects(open_objects("shapes"), tmp_path / "s", "coco")
    again = open_objects(tmp_path / "s")
    assert [len(again.parts[part]) for part in ("train", "val")] == [3, 2]
    first = read_shapes(3, 2).parts["train"][0]
    assert again.parts["train"][0].objects.boxes.tolist() == first.objects.boxes.tolist()
