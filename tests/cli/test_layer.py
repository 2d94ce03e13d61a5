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


PICTURE = "3 3 2 1 0; 0 0 1 3 1; 3 1 2 2 3; 2 0 0 2 2; 2 0 0 0 1"


def test_numbers(hubel):
    said = hubel("layer", "Conv2d(1,1,3)", "--picture", PICTURE, "--kernel", "0 1 2;2 2 0;0 1 2")
    assert "3 3 2 1 0   0 1 2    12 12 17" in said.out
    words = ("--kernel", "-1 0 1; -2 0 2; -1 0 1", "--json")
    told = json.loads(hubel("layer", "Conv2d(1,1,3,padding=1)", "--picture", PICTURE, *words).out)
    assert len(told["result"]) == 5
    assert "the column 1 2 1 times the row -1 0 1" in told["notes"][0]


def test_what_cannot_be_drawn_is_one_line(hubel, tmp_path):
    path = tmp_path / "drawing.svg"
    for words, message in (
        (("Conv2d(1,1,3)",), "--input 64x32x32, or --picture"),
        (("Conv2d(1,1,3)", "--picture", "1 2; 3"), "rows of equal length"),
        (("Conv2d(1,1,3)", "--picture", "1 2; 3 x"), "could not convert string to float: 'x'"),
        (("Conv2d(1,1,2)", "--picture", "1 2; 3 4", "--kernel", "1"), "has a kernel of 2x2"),
        (("Conv2d(1,2,1)", "--picture", "1 2; 3 4", "--kernel", "1"), "layers of one channel"),
        (("Conv2d(1,1,2)", "--input", "1x4x4", "--slide", path), "takes a picture and a kernel"),
        (("Flatten()", "--input", "3x4x4", "--channels", path), "channel to channel"),
        (("Flatten()", "--input", "3x4x4", "--seen", path), "convolutions and poolings"),
        (("Conv1d(3,8,3)", "--input", "3x9", "--seen", path), "drawings are of maps"),
        (("Conv2d(3,8,3)", "--input", "3x400x400", "--overlap", path), "at most 64 a side"),
        (("ChannelShuffle(3)", "--input", "8x3x3"), "divides the 8 channels"),
        (("Upsample()", "--input", "8x3x3"), "either size or scale_factor"),
    ):
        said = hubel("layer", *words)
        assert (said.code, said.out) == (2, ""), words
        assert said.err.count("\n") == 1
        assert message in said.err
    assert not path.exists()
