from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.data import open_data
from hubel.runtime import load
from hubel.runtime.golden import Replay
from hubel.tasks.crops import canvas, ten_crop
from hubel.verbs.judge import answers, bundle_judge
from hubel.verbs.val import Scores, val


def test_scores_are_those_of_the_answers(made_bundle, labelled):
    found = val(made_bundle, labelled)
    assert isinstance(found, Scores)
    assert found.pictures == 40  # all of it: none of it was trained on
    predictor = load(made_bundle)
    right = {name: [0, 0] for name in predictor.bundle.classes}
    five = 0
    for path in sorted(labelled.glob("*/[0-9]*.png")):
        answer = predictor.predict(path)
        right[path.parent.name][0] += 1
        right[path.parent.name][1] += answer.label == path.parent.name
        five += path.parent.name in dict(answer.top)
    assert found.per_class == {name: tuple(row) for name, row in right.items()}
    assert found.top1 == pytest.approx(sum(r for _, r in right.values()) / 40)
    assert found.top5 == pytest.approx(five / 40)
    assert found.interval[0] <= found.top1 <= found.interval[1]
    assert [Path(name).name for name in found.left_out] == ["broken.png"]


def test_of_the_training_data_only_what_was_held_out(bundle, reseal, labelled):
    opened = open_data(labelled, seed=3, val=0.25)
    facts = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    facts["training"] = {"recipe": {"seed": 3, "val": 0.25}}
    facts["data"] = {"fingerprint": opened.fingerprint}
    (bundle / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
    reseal(bundle)
    found = val(bundle, labelled)
    assert found.pictures + len(found.left_out) == len(opened.val) < 40
    assert found == val(bundle, opened)


def test_the_test_part(made_bundle, labelled, tmp_path):
    parted = tmp_path / "parted"
    for part, digits in (("train", "012"), ("val", "12"), ("test", "02")):
        for digit in digits:
            shutil.copytree(labelled / f"digit {digit}", parted / part / f"digit {digit}")
    found = val(made_bundle, parted, part="test")
    assert found.split == "the test part"
    counts = {name: pictures for name, (pictures, _) in found.per_class.items() if pictures}
    assert counts == {
        name: len(list((labelled / name).glob("[0-9]*.png"))) for name in ("digit 0", "digit 2")
    }
    assert set(n for n, (p, _) in val(made_bundle, parted).per_class.items() if p) == {
        "digit 1",
        "digit 2",
    }
    shutil.rmtree(parted / "val")  # then validation and test are the same pictures
    assert val(made_bundle, parted, part="test").per_class == found.per_class
    with pytest.raises(ValueError, match="has no test part; leave out --part"):
        val(made_bundle, labelled, part="test")
    with pytest.raises(ValueError, match=r"part 'tset'.*did you mean 'test'"):
        val(made_bundle, labelled, part="tset")


def test_golden(made_bundle):
    found = val(made_bundle, golden=True)
    assert isinstance(found, Replay)
    assert found.ok


@pytest.mark.parametrize("words", [{}, {"data": "x", "golden": True}])
def test_one_of_the_two(made_bundle, words):
    with pytest.raises(ValueError, match="give one of them"):
        val(made_bundle, **words)


def test_ten_crops_and_whole_pictures_by_name(made_bundle, labelled):
    plain = val(made_bundle, labelled)
    assert plain.views == "plain"
    predictor = load(made_bundle)
    way = predictor.bundle.preprocess
    picture = sorted(labelled.glob("*/[0-9]*.png"))[0]
    large = way.canvas(canvas(way))(picture)[None]  # (1, 32, 32, 3): 28 x 8 / 7
    crops = [way.bordered(crop) for crop in ten_crop(large, way.size)]
    by_hand = np.mean([predictor.probabilities(predictor.scores(x))[0] for x in crops], axis=0)
    for views in ("ten-crop", "dense"):
        found = val(made_bundle, labelled, views=views)
        assert (found.pictures, found.views) == (40, views)
        assert list(found.left_out) == list(plain.left_out)
    source = open_data(labelled, val=1).val
    _, _, probabilities = answers(bundle_judge(predictor), source, 8, "ten-crop")
    names = open_data(labelled, val=1).val.names
    place = next(i for i, name in enumerate(names) if Path(name).name == picture.name)
    np.testing.assert_allclose(probabilities[place], by_hand, atol=1e-6)


def test_unknown_views_name_the_nearest(made_bundle, labelled):
    with pytest.raises(ValueError, match="ten-crop"):
        val(made_bundle, labelled, views="tencrop")


def test_views_are_averaged(made_bundle, labelled):
    predictor = load(made_bundle)
    plain, mirrored = val(made_bundle, labelled), val(made_bundle, labelled, views="mirror")
    assert (plain.views, mirrored.views) == ("plain", "mirror")
    from hubel.data import decode

    opened = open_data(labelled, val=1)
    pictures, _ = decode(opened.val, predictor.bundle.preprocess)
    colour = pictures.arrays.repeat(3, axis=3)
    logits = predictor.scores(colour) + predictor.scores(colour[:, :, ::-1])
    names = [predictor.bundle.classes[i] for i in logits.argmax(1)]
    truths = [opened.classes[i] for i in pictures.targets]
    right = sum(name == truth for name, truth in zip(names, truths))
    assert mirrored.top1 == pytest.approx(right / len(truths))


def test_unknown_views(made_bundle, labelled):
    with pytest.raises(ValueError, match="unknown views 'miror'; did you mean 'mirror'"):
        val(made_bundle, labelled, views="miror")


@pytest.fixture
def imagenet(tmp_path):
    """A folder in ImageNet's layout, of two classes."""
    draws = np.random.default_rng(0)
    for number in ("n01440764", "n02123045"):
        (tmp_path / "val" / number).mkdir(parents=True)
        for i in range(3):
            pixels = draws.integers(0, 256, (40, 50, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "val" / number / f"{i}.jpg")
    return tmp_path / "val"


def test_published_weights_are_scored_on_folders_in_imagenet_s_layout(
    imagenet, tmp_path, monkeypatch
):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from hubel.networks import create
    from hubel.weights import published
    from hubel.weights.download import place

    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    row = published("timm/resnet18.tv_in1k")
    torch.manual_seed(0)
    network = create("resnet18").eval()
    place(row).parent.mkdir(parents=True)
    save_file(network.state_dict(), place(row))
    found = val("timm/resnet18.tv_in1k", imagenet, batch=4)
    assert (found.bundle, found.pictures) == ("timm/resnet18.tv_in1k", 6)
    names = [name for name, (pictures, _) in found.per_class.items() if pictures]
    assert names == [row.classes[row.synsets.index(n)] for n in ("n01440764", "n02123045")]
    # The same numbers by hand, from the first file on.
    from hubel.ops.normalize import Normalize

    judged = torch.nn.Sequential(Normalize(row.preprocess), network)
    right = 0
    for number in ("n01440764", "n02123045"):
        for file in sorted((imagenet / number).iterdir()):
            x = torch.from_numpy(row.preprocess(file).copy()).permute(2, 0, 1)[None]
            with torch.no_grad():
                right += row.synsets[judged(x).argmax()] == number
    assert found.top1 == pytest.approx(right / 6)
    assert val("timm/resnet18.tv_in1k", imagenet, views="mirror").views == "mirror"
    with pytest.raises(ValueError, match="did you mean"):
        val("timm/resnet18.tv_in2k", imagenet)
