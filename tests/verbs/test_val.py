from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.cli import main
from hubel.data import open_data
from hubel.runtime import load
from hubel.runtime.golden import Replay
from hubel.verbs.val import Scores, val


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Decoded pictures go into the test's own folder."""
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def hubel_(monkeypatch, capsys):
    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hubel", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return (stop.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def labelled(tmp_path) -> Path:
    """40 digits in a folder for each of three classes, and a broken one."""
    from sklearn.datasets import load_digits

    known = load_digits(n_class=3)
    folder = tmp_path / "labelled"
    for i, (x, y) in enumerate(zip(known.images[:40], known.target)):
        path = folder / f"digit {y}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((x * 255 / 16).astype(np.uint8)).save(path)
    (folder / "digit 1" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


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


def test_the_command(hubel_, made_bundle, labelled):
    code, out, err = hubel_("val", made_bundle, labelled)
    found = val(made_bundle, labelled)
    assert (code, err) == (0, "")
    assert out.startswith(f"40 pictures of {labelled}")
    assert f"top-1  {found.top1:.2%}" in out
    assert f"top-5  {found.top5:.2%}" in out
    assert "digit 9" in out
    assert "1 pictures were left out" in out
    code, out, _ = hubel_("val", made_bundle, labelled, "--json")
    assert json.loads(out)["top1"] == found.top1


def test_unknown_classes(hubel_, made_bundle, labelled):
    (labelled / "digit 2").rename(labelled / "zebra")
    code, out, err = hubel_("val", made_bundle, labelled)
    assert (code, out) == (2, "")
    assert "does not know: zebra" in err


def test_golden(hubel_, made_bundle, bundle, reseal):
    found = val(made_bundle, golden=True)
    assert isinstance(found, Replay)
    assert found.ok
    code, out, err = hubel_("val", made_bundle, "--golden")
    assert (code, err) == (0, "")
    assert "3 golden pictures: the same answers" in out
    path = bundle / "golden" / "golden.json"
    golden = json.loads(path.read_text(encoding="utf-8"))
    golden["pictures"][0]["logits"][0] += 1
    golden["pictures"][0]["prepared"] = "x"
    path.write_text(json.dumps(golden), encoding="utf-8")
    reseal(bundle)
    code, out, _ = hubel_("val", bundle, "--golden")
    assert code == 1
    assert "NOT the same" in out
    assert "Pillow prepares 01-digit-0.png otherwise" in out
    code, out, _ = hubel_("val", bundle, "--golden", "--json")
    assert code == 1
    assert json.loads(out)["ok"] is False


@pytest.mark.parametrize("words", [{}, {"data": "x", "golden": True}])
def test_one_of_the_two(made_bundle, words):
    with pytest.raises(ValueError, match="give one of them"):
        val(made_bundle, **words)
