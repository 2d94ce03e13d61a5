from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hubel.data import open_data
from hubel.runtime import load
from hubel.runtime.golden import Replay
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
