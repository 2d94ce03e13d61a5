from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import numpy as np
import pytest

from hubel.data.objects import Mask, Objects, encode, open_objects
from hubel.runtime.decode.found import Found
from hubel.runtime.decode.masks import packed
from hubel.tasks.precision import average_precision

COCO = pytest.importorskip("pycocotools.coco")
EVAL = pytest.importorskip("pycocotools.cocoeval")
DATA = os.environ.get("HUBEL_DATA")


def theirs(found, truths, classes, size, *, masks=False, most=100):
    """pycocotools' 12 numbers, for the same answers."""
    images, annotations, results = [], [], []
    for i, (f, t) in enumerate(zip(found, truths), 1):
        images.append({"id": i, "height": size[0], "width": size[1]})
        for k in range(len(t)):
            x1, y1, x2, y2 = t.boxes[k].tolist()
            entry = {
                "id": len(annotations) + 1,
                "image_id": i,
                "category_id": int(t.labels[k]) + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "iscrowd": int(t.crowd[k]),
            }
            if t.masks[k] is not None:
                array = t.masks[k].array()
                text = packed(encode(array))
                entry["segmentation"] = {"size": list(array.shape), "counts": text}
                entry["area"] = float(array.sum())
            annotations.append(entry)
        for k in range(len(f.scores)):
            x1, y1, x2, y2 = (float(v) for v in f.boxes[k])
            entry = {"image_id": i, "category_id": int(f.labels[k]) + 1, "score": f.scores[k]}
            if masks:
                text = packed(encode(f.masks[k]))
                entry["segmentation"] = {"size": list(f.masks[k].shape), "counts": text}
            else:
                entry["bbox"] = [x1, y1, x2 - x1, y2 - y1]
            results.append(entry)
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO.COCO()
        gt.dataset = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": k + 1, "name": str(k)} for k in range(classes)],
        }
        gt.createIndex()
        run = EVAL.COCOeval(gt, gt.loadRes(results), "segm" if masks else "bbox")
        run.params.maxDets = [1, 10, most]
        run.evaluate()
        run.accumulate()
    return run.eval["precision"], run.eval["recall"]


def agree(found, truths, classes, size, **words):
    mine = average_precision(found, truths, classes, **words)
    precision, recall = theirs(found, truths, classes, size, **words)
    # theirs: (thresholds, recalls, classes, sizes, most); -1 stands for "no object"
    table = np.where(precision[..., -1] < 0, np.nan, precision[..., -1]).mean(axis=1)
    np.testing.assert_allclose(mine.table, table, atol=1e-6)
    reached = np.where(recall[..., -1] < 0, np.nan, recall[..., -1])
    np.testing.assert_allclose(mine.recall, reached, atol=1e-6)
    return mine


def scene(draws, classes, side, with_masks):
    """Truths, and answers near them: some right, some twice, some made up."""
    n = int(draws.integers(0, 9))
    corner = draws.uniform(0, side * 0.7, (n, 2))
    boxes = np.concatenate([corner, corner + draws.uniform(2, side * 0.6, (n, 2))], axis=1)
    boxes = np.minimum(boxes, side).round(2)
    labels = draws.integers(0, classes, n)
    masks: tuple = (None,) * n
    if with_masks:
        shapes = [drawn(box, side) for box in boxes]
        masks = tuple(Mask((side, side), counts=encode(shape)) for shape in shapes)
    crowd = draws.random(n) < 0.15
    truth = Objects(boxes, labels, masks, crowd, np.zeros(n, bool))
    near = np.repeat(boxes, 2, axis=0) + draws.normal(0, side * 0.03, (2 * n, 4))
    wild = draws.uniform(0, side * 0.5, (6, 2))
    near = np.concatenate([near, np.concatenate([wild, wild + side * 0.3], axis=1)])
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
    near = np.clip(near, 0, side)
    there = np.concatenate([np.repeat(labels, 2), draws.integers(0, classes, 6)])
    keep = draws.random(len(near)) < 0.7
    scores = draws.random(len(near)).round(1)  # many equal ones
    found_masks = np.stack([drawn(b, side) for b in near])[keep] if with_masks else None
    return Found(near[keep], scores[keep], there[keep], found_masks), truth


def drawn(box, side):
    """A filled ellipse in a box, bool (side, side)."""
    x1, y1, x2, y2 = box
    ys, xs = np.mgrid[:side, :side] + 0.5
    a, b = max((x2 - x1) / 2, 0.6), max((y2 - y1) / 2, 0.6)
    return ((xs - (x1 + x2) / 2) / a) ** 2 + ((ys - (y1 + y2) / 2) / b) ** 2 <= 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("masks", [False, True])
def test_random_scenes_score_as_pycocotools_says(seed, masks):
    draws = np.random.default_rng(seed)
    side, classes = (200, 3) if not masks else (64, 2)
    scenes = [scene(draws, classes, side, masks) for _ in range(12)]
    found, truths = zip(*scenes)
    mine = agree(found, truths, classes, (side, side), masks=masks, most=10 if seed % 2 else 100)
    assert 0 < mine.mean < mine.at_half < 1


@pytest.mark.skipif(not DATA, reason="HUBEL_DATA names no folder of data sets")
def test_blood_cells_score_as_pycocotools_says():
    scenes = open_objects(Path(DATA) / "bccd")
    truths = [s.objects for s in scenes.parts["val"][:30]]
    draws = np.random.default_rng(0)
    found = []
    for truth in truths:
        keep = draws.random(len(truth)) < 0.9
        boxes = truth.boxes[keep] + draws.normal(0, 6, (keep.sum(), 4))
        found.append(Found(boxes, draws.random(keep.sum()), truth.labels[keep]))
    agree(found, truths, 3, (480, 640))


def test_difficult_objects_are_neither_found_nor_missed():
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], float)
    labels, none = np.zeros(2, np.int64), np.zeros(2, bool)
    truth = Objects(boxes, labels, (None, None), none, np.array([False, True]))
    sure = average_precision([Found(boxes, np.array([0.5, 0.9]), labels)], [truth], 1)
    without = average_precision([Found(boxes[:1], np.array([0.5]), labels[:1])], [truth], 1)
    assert sure.mean == without.mean == 1


def test_nothing_there_and_nothing_found():
    empty = Objects(
        np.zeros((0, 4)), np.zeros(0, np.int64), (), np.zeros(0, bool), np.zeros(0, bool)
    )
    none = Found(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    assert np.isnan(average_precision([none], [empty], 2).mean)
    boxes = np.array([[0, 0, 9, 9.0]])
    one = Objects(boxes, np.zeros(1, np.int64), (None,), np.zeros(1, bool), np.zeros(1, bool))
    assert average_precision([none], [one], 1).mean == 0
    with pytest.raises(ValueError, match="answers for 1 pictures and truths for 2"):
        average_precision([none], [one, one], 1)
    with pytest.raises(ValueError, match="only boxes were found"):
        average_precision([none], [one], 1, masks=True)
