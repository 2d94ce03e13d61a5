from __future__ import annotations

import numpy as np
import pytest
import torch

from hubel.data.objects.shapes import read_shapes
from hubel.networks import create
from hubel.pictures import Preprocess
from hubel.runtime.decode.boxes import suppress
from hubel.runtime.decode.windows import decode
from hubel.tasks.windows import Windows

CLASSES = tuple("0123456789")


@pytest.fixture(scope="module")
def made():
    torch.manual_seed(0)
    network = create("lenet5").eval()
    with torch.no_grad():
        for p in network.parameters():
            p.mul_(3)  # surer than fresh weights are
    preprocess = Preprocess((28, 28), fit="squash", pad=2, channels=1, mean=(0.5,), std=(0.25,))
    return network, preprocess


def test_objects_are_the_windows_that_the_classifier_is_sure_of(made):
    network, preprocess = made
    picture = read_shapes(1, 0, 72).parts["train"][0].picture
    grey = torch.from_numpy(preprocess.canvas((72, 72))(picture)).permute(2, 0, 1)[None]
    plain = Windows(network, preprocess, CLASSES)
    corners = [(x, y) for y in range(0, 72 - 31, 4) for x in range(0, 72 - 31, 4)]
    crops = torch.cat([grey[:, :, y : y + 32, x : x + 32] for x, y in corners])
    with torch.no_grad():
        p = network(plain.normalize(crops)).softmax(1).numpy()  # (121, 10)
    ground, least = int(p.argmax(1)[0]), float(np.median(p.max(1)))
    told = np.flatnonzero((p.max(1) >= least) & (p.argmax(1) != ground))
    boxes = np.array([[x + 2, y + 2, x + 30, y + 30] for x, y in corners], float)[told]
    scores, labels = p.max(1)[told], p.argmax(1)[told]
    kept = suppress(boxes, scores, labels, limit=0.5)
    assert 1 < len(kept) < len(told) < 61

    windows = Windows(network, preprocess, CLASSES, nothing=(CLASSES[ground],))
    found = windows(picture, (1.0,), least=least - 1e-6, limit=0.5)
    assert found.boxes.tolist() == boxes[kept].tolist()
    assert found.labels.tolist() == labels[kept].tolist()
    assert found.scores == pytest.approx(scores[kept], abs=1e-5)


def test_scales_see_larger_objects(made):
    network, preprocess = made
    picture = np.random.default_rng(1).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    windows = Windows(network, preprocess, CLASSES)
    found = windows(picture, (0.5,), least=0.0, limit=1.0)
    sides = found.boxes[:, 2] - found.boxes[:, 0]
    assert sides.tolist() == [56.0] * len(found)
    both = windows(picture, (0.5, 0.2), least=0.0, limit=1.0)  # 16 pixels are no window
    assert both.boxes.tolist() == found.boxes.tolist()
    with pytest.raises(ValueError, match="80 x 80 is smaller than the window of 32 x 32"):
        windows(picture, (0.2,))


def test_an_unknown_class_of_ground(made):
    network, preprocess = made
    with pytest.raises(ValueError, match="unknown class 'ground'"):
        Windows(network, preprocess, CLASSES, nothing=("ground",))


def test_one_object_at_two_scales_is_found_once():
    sure = np.full((2, 1, 1), [[[0.0]], [[9.0]]])
    found = decode([sure, sure - [[[0]], [[4.0]]]], (1.0, 0.9), (32, 32), 4)
    assert found.boxes.tolist() == [[0, 0, 32, 32]]
    assert found.labels.tolist() == [1]
