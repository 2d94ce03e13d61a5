"""What `hubel bench --save` kept, and when it counts."""

from __future__ import annotations

import pytest

from hubel.runtime import load
from hubel.runtime.bundle import Bundle
from hubel.runtime.choice import Choice, chosen, save_choices
from hubel.runtime.engines import version_of


@pytest.fixture
def opened(made_bundle, tmp_path, monkeypatch) -> Bundle:
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path))
    return Bundle.open(made_bundle)


def choice(seconds: float, version: str | None = None) -> Choice:
    return Choice("onnxruntime", "float32", seconds, version or version_of("onnxruntime"))


def test_the_nearest_batch_size_decides(opened):
    assert chosen(opened.folder, 1) is None
    save_choices(opened, {1: choice(1.0), 16: choice(2.0)})
    assert [chosen(opened.folder, batch).seconds for batch in (1, 3, 5, 32)] == [1.0, 1.0, 2.0, 2.0]
    save_choices(opened, {4: choice(3.0)})  # the others stay
    assert [chosen(opened.folder, batch).seconds for batch in (1, 5, 16)] == [1.0, 3.0, 2.0]


def test_another_bundle_has_none(opened, bundle, reseal):
    save_choices(opened, {1: choice(1.0)})
    assert chosen(Bundle.open(bundle).folder, 1)  # the same files in another place
    (bundle / "README.md").write_text("another", encoding="utf-8")
    reseal(bundle)
    assert chosen(Bundle.open(bundle).folder, 1) is None


def test_another_version_or_machine_has_none(opened, monkeypatch):
    save_choices(opened, {1: choice(1.0, "0.1")})
    assert chosen(opened.folder, 1) is None
    save_choices(opened, {1: choice(1.0)})
    assert chosen(opened.folder, 1)
    monkeypatch.setattr("hubel.runtime.choice.cores", lambda: 999)
    assert chosen(opened.folder, 1) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"1": 3}', '{"1": {"engine": "x"}}', '{"0": 1}'])
def test_a_file_of_something_else_counts_for_nothing(opened, text):
    path = save_choices(opened, {1: choice(1.0)})
    path.write_text(text, encoding="utf-8")
    assert chosen(opened.folder, 1) is None


def test_the_fastest_is_taken_and_the_default_without_one(opened):
    assert load(opened.folder, engine="fastest").engine.name == "onnxruntime"
    engine = pytest.importorskip("openvino") and "openvino"
    save_choices(opened, {16: Choice(engine, "float32", 1.0, version_of(engine))})
    assert load(opened.folder, engine="fastest", batch=8).engine.name == "openvino"
    assert load(opened.folder).engine.name == "onnxruntime"
