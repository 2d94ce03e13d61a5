"""`hubel layer` as typed."""

from __future__ import annotations

import json

from tests.test_startup import COMMAND, HEAVY, RUNTIME, imported


def test_one_layer_in_words(hubel):
    said = hubel("layer", "Conv2d(3, 64, 3, padding=1)", "--input", "3x32x32")
    assert said.code == 0
    assert "output      64x32x32   floor((32 + 2 - 3) / 1) + 1 = 32" in said.out
    assert "parameters  1,792" in said.out
    assert "FLOPs       3,538,944" in said.out


def test_several_layers(hubel):
    text = "Conv2d(8, 8, 3) | Conv2d(8, 8, 3)"
    said = hubel("layer", text, "--input", "8x16x16")
    lines = said.out.splitlines()
    assert lines[-2].startswith("Together they see 5x5")
    assert next(line for line in lines if line.startswith("sum")).split()[1:3] == ["1,152", "16"]


def test_json(hubel):
    said = hubel("layer", "Conv2d(64,128,1)", "--input", "64x32x32", "--json")
    told = json.loads(said.out)
    (layer,) = told["layers"]
    assert (layer["weights"], layer["biases"], layer["depth"]) == (8_192, 128, 128)
    assert (layer["output"], layer["field"]) == ([128, 32, 32], [1, 1])
    assert told["flops"] == 2 * told["macs"] == 2 * layer["macs"]


def test_mistakes_are_one_line(hubel):
    said = hubel("layer", "Conv2d(64, 128, 1)", "--input", "3x32x32")
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "c_in equals the channels of the input" in said.err


def test_it_needs_no_torch():
    found = imported(COMMAND, "layer", "Conv2d(64,128,1)", "--input", "64x32x32")
    assert "hubel" in found
    assert not found & {*HEAVY, *RUNTIME}
