from __future__ import annotations

import json


def test_the_table(hubel, made_bundle, tmp_path):
    page = tmp_path / "page.html"
    said = hubel(
        "bench", made_bundle, "--batch", 1, "--batch", 2, "--rounds", 1, "--engine", "onnxruntime",
        "--engine-threads", 1, "--html", page,
    )  # fmt: skip
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].startswith("lenet5, 32x32, 1 threads, ")
    assert lines[2].split()[:4] == ["engine", "precision", "1:", "ms"]
    assert lines[3].startswith("onnxruntime  float32")
    assert "batch 2: onnxruntime is the fastest" in lines
    assert page.is_file()


def test_a_network_by_its_name_as_json(hubel):
    said = hubel("bench", "lenet5", "--rounds", 1, "--engine", "onnxruntime", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["size"] == [32, 32]


def test_a_network_of_nobody(hubel):
    said = hubel("bench", "resnet19")
    assert said.code == 2
    assert "did you mean 'resnet18'" in said.err
