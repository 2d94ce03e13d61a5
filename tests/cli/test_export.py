from __future__ import annotations

import json


def test_the_folder_is_beside_the_bundle(hubel, bundle):
    said = hubel("export", bundle, "--to", "onnx")
    assert said.code == 0, said.err
    folder = bundle.with_name("bundle-onnx")
    assert (folder / "model.onnx").is_file()
    assert said.out.startswith(f"Written to {folder}:\n  hubel.json")
    assert "3 golden pictures answered there as by the bundle" in said.out
    said = hubel("export", bundle, "--to", "onnx", "--json")
    assert json.loads(said.out)["folder"] == str(folder)


def test_resizing_goes_into_the_graph(hubel, bundle):
    said = hubel("export", bundle, "--to", "onnx", "--bake-resize")
    assert said.code == 0, said.err
    folder = bundle.with_name("bundle-onnx-baked")
    assert said.out.startswith(f"Written to {folder}:")
    assert "15 pictures of many sizes answered there as by the bundle: probabilities" in said.out
    said = hubel("export", bundle, "--to", "torch-export", "--bake-resize")
    assert said.code == 2
    assert "--to torch-export does not go with --bake-resize" in said.err


def test_an_unknown_target(hubel, bundle):
    said = hubel("export", bundle, "--to", "tflite")
    assert said.code == 2
    assert "known: onnx, openvino, timm, torch-export" in said.err


def test_int8_and_a_target_are_two_things(hubel, bundle):
    for words in ((), ("--to", "onnx", "--int8")):
        said = hubel("export", bundle, *words)
        assert said.code == 2
        assert "choose one" in said.err
    said = hubel("export", bundle, "--to", "onnx", "--max-drop", 1)
    assert "--max-drop belongs to --int8" in said.err
    said = hubel("export", bundle, "--int8", "--out", "x")
    assert "--out belongs to --to" in said.err
    said = hubel("export", bundle, "--int8", "--bake-resize")
    assert "--bake-resize belongs to --to" in said.err
    said = hubel("export", bundle, "--int8")
    assert said.code == 2
    assert "name the data: --data DATA" in said.err
