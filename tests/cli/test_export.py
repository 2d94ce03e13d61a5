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


def test_an_unknown_target(hubel, bundle):
    said = hubel("export", bundle, "--to", "tflite")
    assert said.code == 2
    assert "known: onnx, openvino, timm, torch-export" in said.err
