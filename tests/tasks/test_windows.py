from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

from hubel.data.objects import Objects
from hubel.data.objects.shapes import read_shapes
from hubel.networks import create
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess
from hubel.runtime.decode.boxes import suppress
from hubel.runtime.decode.windows import decode
from hubel.tasks.precision import average_precision
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
    kept = suppress(boxes, scores, limit=0.5)
    assert 1 < len(kept) < len(told) < 61

    windows = Windows(network, preprocess, CLASSES, nothing=(CLASSES[ground],))
    found = windows(picture, (1.0,), least=least - 1e-6, limit=0.5)
    assert found.boxes.tolist() == boxes[kept].tolist()
    assert found.labels.tolist() == labels[kept].tolist()
    assert found.scores == pytest.approx(scores[kept], abs=1e-5)


def page(draws, digits, side=112):
    """Real digits of 24 pixels on a page, uint8 (side, side), with their middles and classes."""
    picture, where = np.zeros((side, side), np.uint8), []
    for _ in range(30):
        y, x = draws.integers(14, side - 14, 2)
        if all(max(abs(y - v), abs(x - u)) >= 24 for v, u, _ in where):
            k = int(draws.integers(len(digits.target)))
            digit = Image.fromarray((digits.images[k] * 15.9).astype(np.uint8))
            picture[y - 12 : y + 12, x - 12 : x + 12] = digit.resize((24, 24))
            where.append((y, x, int(digits.target[k])))
    return picture, where


def cut(draws, pages):
    """Windows around digits, and of ground: uint8 (N, 1, 32, 32), classes 0..10."""
    crops, classes = [], []
    for picture, where in pages:
        wide = np.pad(picture, 16)
        middles = [(y + v, x + u, k) for y, x, k in where for v, u in draws.integers(-2, 3, (2, 2))]
        for y, x in draws.integers(0, len(picture), (2 * len(where), 2)):
            if all(max(abs(y - v), abs(x - u)) >= 6 for v, u, _ in where):
                middles.append((y, x, 10))
        crops += [wide[y : y + 32, x : x + 32] for y, x, _ in middles]
        classes += [k for _, _, k in middles]
    return torch.from_numpy(np.stack(crops))[:, None], torch.tensor(classes)


def test_a_classifier_of_digits_finds_them_on_pages():
    """LeNet-5, 250 steps on windows of 150 pages, then pages of digits that it never saw."""
    torch.manual_seed(0)
    draws, (digits, held) = np.random.default_rng(0), halves()
    crops, classes = cut(draws, [page(draws, digits) for _ in range(150)])
    network = create("lenet5", classes=11)
    preprocess = Preprocess((32, 32), channels=1, mean=(0.1,), std=(0.3,))
    normalize = Normalize(preprocess)
    optimizer = torch.optim.AdamW(network.parameters())
    for step in range(STEPS := 250):
        optimizer.param_groups[0]["lr"] = 4e-3 * (1 - step / STEPS)
        some = torch.randint(0, len(classes), (64,))
        loss = cross_entropy(network(normalize(crops[some])), classes[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    find = Windows(network, preprocess, (*CLASSES, "ground"), nothing=("ground",))
    found, truths = [], []
    for _ in range(20):
        picture, where = page(draws, held)
        found.append(find(np.repeat(picture[..., None], 3, 2), (1.0,), least=0.7))
        boxes = np.array([[x - 16, y - 16, x + 16, y + 16] for y, x, _ in where], float)
        labels, no = np.array([k for _, _, k in where]), np.zeros(len(where), bool)
        truths.append(Objects(boxes, labels, (None,) * len(where), no, no))
    assert average_precision(found, truths, 10).at_half > 0.7


def halves():
    """scikit-learn's digits: 1,400 to learn from, 397 held out."""
    whole = load_digits()
    return tuple(
        SimpleNamespace(images=whole.images[part], target=whole.target[part])
        for part in (slice(1400), slice(1400, None))
    )


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
