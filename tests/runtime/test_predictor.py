from __future__ import annotations

import io
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.pictures import PictureError
from hubel.runtime import load
from hubel.runtime.predictor import Answer, Predictor


@pytest.fixture(scope="module")
def predictor(made_bundle) -> Predictor:
    return load(made_bundle)


@pytest.fixture
def folder(tmp_path, digits) -> Path:
    """Eight pictures, in two folders, and one file that is none."""
    for i, (name, picture) in enumerate(digits):
        path = tmp_path / "pictures" / ("a" if i < 4 else "b") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    (tmp_path / "pictures" / "notes.txt").touch()
    return tmp_path / "pictures"


def test_one_picture_in_every_form_has_the_same_answer(predictor, folder, digits):
    path = folder / "a" / "digit-0.png"
    answer = predictor.predict(path)
    assert answer.name == str(path)
    assert answer.error is None
    assert (answer.label, answer.confidence) == answer.top[0]
    image = Image.open(path)
    image.load()
    for form in (str(path), path.read_bytes(), image, digits[0][1], io.BytesIO(path.read_bytes())):
        assert predictor.predict(form).top == answer.top


def test_the_answer_is_the_softmax_of_the_scores(predictor, digits):
    picture = digits[0][1]
    logits = predictor.scores([predictor.bundle.preprocess(picture)])
    p = np.exp(logits[0].astype(float))
    p /= p.sum()
    answer = predictor.predict(picture, top=10)
    assert answer.label == predictor.bundle.classes[p.argmax()]
    assert dict(answer.top) == pytest.approx(dict(zip(predictor.bundle.classes, p)))
    assert [c for _, c in answer.top] == pytest.approx(sorted(p, reverse=True))
    assert len(predictor.predict(picture, top=3).top) == 3


def test_temperature_is_applied(bundle, reseal, digits):
    text = (bundle / "bundle.json").read_text(encoding="utf-8")
    (bundle / "bundle.json").write_text(
        text.replace('"temperature": 1.0', '"temperature": 4.0'), encoding="utf-8"
    )
    reseal(bundle)
    warm = load(bundle)
    picture = warm.bundle.preprocess(digits[0][1])
    z = warm.scores([picture])[0].astype(float) / 4
    assert warm.predict(digits[0][1]).confidence == pytest.approx(
        (np.exp(z) / np.exp(z).sum()).max()
    )


def test_a_folder_is_answered_in_order_whatever_the_batch(predictor, folder):
    answers = predictor.predict(folder)
    assert [Path(a.name).name for a in answers] == [f"digit-{i}.png" for i in range(8)]
    for batch in (1, 3, 8):
        again = predictor.predict(str(folder), batch=batch)
        assert [a.label for a in again] == [a.label for a in answers]
        assert [a.confidence for a in again] == pytest.approx([a.confidence for a in answers])


def test_a_broken_picture_does_not_stop_a_list(predictor, folder, digits):
    empty = folder / "empty.png"
    empty.touch()
    answers = predictor.predict(
        [digits[0][1], empty, folder / "nowhere.png", digits[1][1]], batch=2
    )
    assert [a.name for a in answers] == [
        "picture 1",
        str(empty),
        str(folder / "nowhere.png"),
        "picture 4",
    ]
    assert [a.error is None for a in answers] == [True, False, False, True]
    assert answers[1] == Answer(str(empty), error="is empty (0 bytes); restore or remove it")
    assert answers[3].top == predictor.predict(digits[1][1]).top


def test_only_broken_pictures(predictor, folder):
    assert predictor.predict([folder / "no.png"])[0].label is None
    assert predictor.predict([]) == []


def test_alone_a_broken_picture_raises(predictor, folder):
    with pytest.raises(PictureError, match="does not exist"):
        predictor.predict(folder / "nowhere.png")


def test_a_stream_takes_no_more_than_a_batch_ahead(predictor, digits):
    taken = count()

    def endless():
        while True:
            next(taken)
            yield digits[0][1]

    answers = predictor.stream(endless(), batch=3)
    assert [next(answers).name for _ in range(4)] == [f"picture {i}" for i in range(1, 5)]
    assert next(taken) == 6


def test_scores_of_none(predictor):
    assert predictor.scores([]).shape == (0, 10)


@pytest.mark.parametrize(
    "pictures",
    [
        np.zeros((1, 32, 32, 3), np.float32),
        np.zeros((1, 28, 28, 3), np.uint8),
        np.zeros((1, 32, 32, 1), np.uint8),
    ],
)
def test_scores_refuse_what_is_not_prepared(predictor, pictures):
    with pytest.raises(ValueError, match="prepare them with its Preprocess"):
        predictor.scores(pictures)


def test_impossible_options(predictor, made_bundle, digits):
    with pytest.raises(ValueError, match="batch 0"):
        predictor.predict([digits[0][1]], batch=0)
    with pytest.raises(ValueError, match="top 0"):
        predictor.predict(digits[0][1], top=0)
    with pytest.raises(ValueError, match="threads 0"):
        load(made_bundle, threads=0)


def test_it_says_what_it_is(predictor):
    assert repr(predictor).startswith("Predictor(lenet5, 10 classes, pictures 32 x 32,")


def test_threads(made_bundle, predictor, digits):
    one = load(made_bundle, threads=1)
    assert one.engine.threads == 1
    assert one.predict(digits[0][1]).label == predictor.predict(digits[0][1]).label
