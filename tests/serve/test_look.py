"""What a served network sees: heat maps, feature maps, its table."""

from __future__ import annotations

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from hubel.export.bundle import load_module
from hubel.networks import account
from hubel.runtime.engines import available
from hubel.serve import look, models
from hubel.verbs.explain import explain


def pixels(url: str) -> np.ndarray:
    kind, _, data = url.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(b64decode(data))))


def test_the_heat_map_is_that_of_hubel_explain(service, made_bundle, files):
    from hubel.report.heat import over

    (expected,) = explain(made_bundle, files[0]).pictures
    for method in ("gradcam", "gradcam_plus", "occlusion"):
        reply = service.upload(f"/explain?method={method}", files[0])
        assert reply.status == 200
        assert reply.headers["content-type"] == "image/png"
        found = np.asarray(Image.open(io.BytesIO(reply.body)))
        np.testing.assert_array_equal(found, over(expected.pixels, getattr(expected, method)))


def test_the_class_can_be_chosen(service, files):
    bodies = {service.upload(f"/explain?label=digit%20{i}", files[0]).body for i in range(3)}
    assert len(bodies) == 3
    reply = service.upload("/explain?label=digit%2011", files[0])
    assert reply.status == 422
    assert "unknown class 'digit 11'; did you mean" in reply.error
    assert service.upload("/explain?method=magic", files[0]).status == 422


def test_maps_lie_over_the_part_that_the_network_saw(service, files):
    said = service.upload("/predict", files[0]).words
    found = service.upload("/maps", files[0]).words
    assert found["seen"] == said["seen"]
    assert found["label"] == said["top"][0]["label"]
    assert pixels(found["input"]).shape == (32, 32, 3)
    for url in found["heats"].values():
        heat = pixels(url)
        assert heat.shape == (32, 32, 4)
        assert heat[..., 3].max() > 200
    for stage in found["stages"]:
        (h, w), many = stage["cells"], len(stage["channels"])
        assert pixels(stage["maps"]).shape == (h, w * many, 3)
        assert many == min(12, stage["width"])


def test_the_table_is_that_of_the_network(service, made_bundle):
    (name,) = service.models
    found = service.get(f"/models/{name}/layers").words
    expected = account(load_module(made_bundle), (1, 32, 32))
    assert (found["params"], found["macs"]) == (expected.params, expected.macs)
    assert sum(line["params"] for line in found["blocks"]) == expected.params
    assert [line["name"] for line in found["layers"]] == [row.name for row in expected.rows]
    last = [line for line in found["blocks"] if line["field"]][-1]
    assert last["field"] == [16.0, 16.0]
    assert last["jump"] == [4.0, 4.0]


def test_engines_are_timed_side_by_side(service, made_bundle):
    (name,) = service.models
    found = service.get(f"/models/{name}/engines").words
    assert (found["model"], found["input"], found["threads"]) == (name, [32, 32], 1)
    assert {row["engine"] for row in found["engines"]} == {*available()}
    times = [row["milliseconds"] for row in found["engines"]]
    assert times == sorted(times)
    assert all(row["fastest"] <= row["milliseconds"] <= row["slowest"] for row in found["engines"])
    assert times[0] > 0
    assert service.get("/models/other/engines").status == 404


def test_without_torch_it_answers_and_does_not_explain(serving, files, monkeypatch):
    monkeypatch.setattr(models, "has_torch", lambda: False)
    monkeypatch.setattr(look, "has_torch", lambda: False)
    client = serving()
    assert client.upload("/predict", files[0]).status == 200
    assert client.get("/models").words[0]["explains"] is False
    (name,) = client.models
    for reply in (
        client.upload("/explain", files[0]),
        client.upload("/maps", files[0]),
        client.get(f"/models/{name}/layers"),
    ):
        assert reply.status == 409
        assert "needs torch" in reply.error


def test_a_network_of_ones_own_answers_and_is_not_explained(bundle, reseal, serving, files):
    path = bundle / "bundle.json"
    words = path.read_text(encoding="utf-8").replace('"name": "lenet5"', '"name": "my:net"')
    path.write_text(words, encoding="utf-8")
    reseal(bundle)
    client = serving(bundle)
    assert client.upload("/predict", files[0]).status == 200
    for reply in (client.upload("/maps", files[0]), client.get("/models/bundle/layers")):
        assert reply.status in (404, 409)
    assert "code of its own" in client.upload("/maps", files[0]).error


@pytest.mark.parametrize("many", [4])
def test_too_many_explanations_wait(serving, files, monkeypatch, many):
    import threading
    import time

    client = serving(aside=1)
    monkeypatch.setattr(look, "_table", lambda served: time.sleep(0.4) or {})
    (name,) = client.models
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(client.get(f"/models/{name}/layers").status))
        for _ in range(many)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(replies) == {200, 429}
