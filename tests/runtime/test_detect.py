from __future__ import annotations

import numpy as np
import pytest

from hubel.pictures import Preprocess
from hubel.runtime.decode.detect import decode
from hubel.runtime.decode.found import Found


def logit(p):
    return np.log(p / (1 - np.asarray(p, float)))


def outputs(rows):
    """(box in the input, objectness, probability of each class) of each cell."""
    boxes, objectness, classes = zip(*rows)
    return [np.array(boxes, np.float32), logit(objectness), logit(classes)]


def test_boxes_go_back_into_the_picture():
    preprocess = Preprocess((64, 96), fit="pad")  # a picture 100 x 200 becomes 48 x 96, 8 below
    rows = [((0, 8, 96, 56), 0.9, (0.1, 0.8)), ((-9, 0, 24, 20), 0.5, (0.9, 0.2))]
    found = decode(outputs(rows), preprocess, (100, 200), 2, least=0.3)
    assert found.labels.tolist() == [1, 0]
    assert found.scores == pytest.approx([0.72, 0.45])
    np.testing.assert_allclose(found.boxes, [[0, 0, 200, 100], [0, 0, 50, 25]], rtol=1e-5)


def test_what_lies_in_the_border_is_not_in_the_picture():
    preprocess = Preprocess((64, 96), fit="pad")
    rows = [((10, 0, 30, 7), 0.9, (0.9,)), ((10, 0, 30, 12), 0.9, (0.8,))]
    found = decode(outputs(rows), preprocess, (100, 200), 1)
    assert found.scores == pytest.approx([0.72])


def test_the_surest_of_a_class_is_kept_and_other_classes_stay():
    rows = [
        ((0, 0, 20, 20), 0.9, (0.9, 0.1)),
        ((1, 0, 20, 20), 0.9, (0.8, 0.1)),
        ((0, 1, 20, 20), 0.9, (0.01, 0.7)),
        ((30, 30, 50, 50), 0.02, (0.2, 0.1)),
    ]
    found = decode(outputs(rows), Preprocess((64, 64)), (64, 64), 2, least=0.2)
    assert found.labels.tolist() == [0, 1]
    assert found.scores == pytest.approx([0.81, 0.63])
    loose = decode(outputs(rows), Preprocess((64, 64)), (64, 64), 2, least=0.2, limit=0.99)
    assert len(loose) == 3
    assert len(decode(outputs(rows), Preprocess((64, 64)), (64, 64), 2, most=1)) == 1


def test_nothing_found():
    found = decode(outputs([((0, 0, 9, 9), 0.01, (0.5,))]), Preprocess((64, 64)), (9, 9), 1)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.told(("cell",)) == "nothing found"


def test_logits_that_are_no_numbers_are_refused():
    broken = [np.zeros((1, 4)), np.array([np.nan]), np.zeros((1, 2))]
    with pytest.raises(ValueError, match="NaN"):
        decode(broken, Preprocess((8, 8)), (8, 8), 2)


def test_found_objects_in_words_and_drawn():
    boxes = np.array([[40, 40, 160, 120], [200, 100, 260, 180.0]])
    found = Found(boxes, np.array([0.5, 1.0]), np.array([1, 1]))
    assert found.told(("cat", "dog")) == "2 dog"
    first = {"class": "dog", "score": 0.5, "box": [40, 40, 160, 120]}
    assert found.to_dict(("cat", "dog"))["objects"][0] == first
    picture = np.full((300, 400, 3), 255, np.uint8)
    drawn = found.drawn(picture, ("cat", "dog"))
    assert drawn.shape == picture.shape
    assert (picture == 255).all()
    assert (drawn[80, 40] == drawn[119, 100]).all()
    assert (drawn[80, 40] != 255).any()
    assert (drawn[80, 100] == 255).all()
    small = found.take(found.scores < 0).drawn(np.zeros((90, 60, 3), np.uint8), ())
    assert small.shape == (540, 360, 3)
