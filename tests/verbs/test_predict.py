from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import hubel
from hubel.runtime import load
from hubel.verbs.predict import _folders, predict


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_function(made_bundle, pictures):
    answers = predict(made_bundle, pictures)
    assert [a.name for a in answers] == [
        str(pictures / n) for n in ("deep/one.png", "one.png", "zwei Käfer.png")
    ]
    assert answers[1] == predict(made_bundle, pictures / "one.png")[0]
    assert answers[1].top == load(made_bundle).predict(pictures / "one.png").top
    assert hubel.predict(made_bundle, [str(pictures)], batch=1, engine_threads=1, top=2)[0].label


def test_sorting_copies_and_never_overwrites(made_bundle, pictures, tmp_path):
    into = tmp_path / "sorted"
    before = {n: (pictures / n).read_bytes() for n in names(pictures)}
    labels = {Path(a.name): a.label for a in predict(made_bundle, pictures, sort_into=into)}
    for path, label in labels.items():
        same = [p for p in (into / label).iterdir() if p.read_bytes() == path.read_bytes()]
        assert [p.name.startswith(path.stem) for p in same] == [True]
    assert {n: (pictures / n).read_bytes() for n in names(pictures)} == before
    made = names(into)
    assert len(made) == 3
    # Again: nothing new. With another picture in the place of one: that one is left as it is.
    predict(made_bundle, pictures, sort_into=into)
    assert names(into) == made
    (into / made[0]).write_bytes(b"precious")
    predict(made_bundle, pictures, sort_into=into)
    assert (into / made[0]).read_bytes() == b"precious"
    assert len(names(into)) == 4


def test_two_pictures_of_one_name_are_both_kept(made_bundle, pictures, tmp_path, digits):
    twin = pictures / "twin" / "one.png"
    twin.parent.mkdir()
    image = digits[0][1].copy()
    image[0, 0] ^= 1  # another picture, of the same answer
    Image.fromarray(image).save(twin)
    answers = predict(made_bundle, [pictures / "one.png", twin], sort_into=tmp_path / "sorted")
    assert answers[0].label == answers[1].label
    assert names(tmp_path / "sorted") == [f"{answers[0].label}/one{end}.png" for end in ("-2", "")]


def test_sorted_pictures_within_the_folder_are_not_answered_again(made_bundle, pictures):
    for _ in range(2):
        assert len(predict(made_bundle, pictures, sort_into=pictures / "sorted")) == 3


def test_class_names_stay_below_the_folder():
    classes = [
        "../../etc",
        "a/b",
        "a\\b",
        "..",
        "",
        "CON",
        "con.txt",
        "Bee",
        "bee",
        "C:",
        "x" * 300,
        " . ",
    ]
    folders = _folders(classes)
    assert folders["Bee"] == "Bee"
    assert len({f.casefold() for f in folders.values()}) == len(classes)
    for name in folders.values():
        assert not set('/\\:"<>|?*') & set(name)
        assert name.strip(" .") == name != ""
        assert not name.lower().startswith("con")
        assert len(name) < 120


def test_nothing_given(made_bundle):
    with pytest.raises(ValueError, match="no pictures given"):
        predict(made_bundle, [])
