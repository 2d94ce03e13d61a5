"""Every engine that is installed, behind the one protocol."""

from __future__ import annotations

import numpy as np
import pytest

from hubel.runtime import load
from hubel.runtime.bundle import Bundle, BundleError
from hubel.runtime.engine import Engine
from hubel.runtime.engines import ENGINES, Port, available, open_graph
from hubel.runtime.golden import golden_pictures, replay


@pytest.fixture(params=ENGINES)
def name(request) -> str:
    if request.param not in available():
        pytest.skip(f"{request.param} is not installed here; pip install 'hubel[deploy]'")
    return request.param


def test_the_graph_has_its_ports(made_bundle, name):
    session = open_graph(name, Bundle.open(made_bundle).model, 1)
    assert session.inputs == (Port("pictures", "uint8", (None, 32, 32, 3)),)
    assert session.outputs == (Port("logits", "float32", (None, 10)),)


def test_the_golden_pictures_are_answered(made_bundle, name):
    predictor = load(made_bundle, engine=name)
    assert predictor.engine.name == name
    assert replay(predictor).ok
    assert name in repr(predictor)


def test_any_number_of_pictures_in_any_order(made_bundle, name):
    bundle = Bundle.open(made_bundle)
    engine = Engine(bundle, name=name, threads=1)
    pictures = golden_pictures(bundle)
    one = np.concatenate([engine(picture[None])[0] for picture in pictures])
    for count in (2, 3, 1, 3):
        assert np.abs(engine(pictures[:count])[0] - one[:count]).max() < 1e-5
    (first,) = engine(pictures[:1])
    engine(pictures[1:2])
    assert np.abs(first - one[:1]).max() < 1e-5  # an answer is not overwritten by the next


def test_bytes_that_are_no_graph(bundle, reseal, name, capfd):
    data = bytearray((bundle / "model.onnx").read_bytes())
    data[len(data) // 2 :] = b""
    (bundle / "model.onnx").write_bytes(bytes(data))
    reseal(bundle)
    with pytest.raises(BundleError, match=r"model.onnx cannot be run"):
        load(bundle, engine=name)
    assert capfd.readouterr() == ("", "")


def test_an_engine_of_nobody(made_bundle):
    with pytest.raises(ValueError, match="unknown engine 'openvin'; did you mean 'openvino'"):
        load(made_bundle, engine="openvin")


def test_an_engine_that_is_not_here(made_bundle, monkeypatch):
    monkeypatch.setattr("hubel.runtime.engines.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"openvino is not installed here: pip install 'hubel\["):
        load(made_bundle, engine="openvino")


def test_openvino_keeps_what_it_compiled(made_bundle, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path))
    load(made_bundle, engine="openvino")
    kept = list(tmp_path.rglob("*.blob"))
    assert len(kept) == 1
    assert replay(load(made_bundle, engine="openvino")).ok
    assert list(tmp_path.rglob("*.blob")) == kept
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("HUBEL_CACHE_LIMIT", "0")
    assert replay(load(made_bundle, engine="openvino")).ok
    assert not list((tmp_path / "other").rglob("*.blob"))
