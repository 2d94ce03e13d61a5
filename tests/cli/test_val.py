from __future__ import annotations

import json

from hubel.verbs.val import val


def test_scores(hubel, made_bundle, labelled):
    said = hubel("val", made_bundle, labelled)
    found = val(made_bundle, labelled)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"40 pictures of {labelled}")
    assert f"top-1  {found.top1:.2%}" in said.out
    assert f"top-5  {found.top5:.2%}" in said.out
    assert "digit 9" in said.out
    assert "Left out (1):" in said.out
    said = hubel("val", made_bundle, labelled, "--json")
    assert json.loads(said.out)["top1"] == found.top1


def test_unknown_classes(hubel, made_bundle, labelled):
    (labelled / "digit 2").rename(labelled / "zebra")
    said = hubel("val", made_bundle, labelled)
    assert (said.code, said.out) == (2, "")
    assert "does not know: zebra" in said.err


def test_golden(hubel, made_bundle):
    said = hubel("val", made_bundle, "--golden")
    assert (said.code, said.err) == (0, "")
    assert "3 golden pictures: the same answers" in said.out


def test_golden_pictures_that_differ(hubel, bundle, reseal):
    path = bundle / "golden" / "golden.json"
    golden = json.loads(path.read_text(encoding="utf-8"))
    golden["pictures"][0]["logits"][0] += 1
    golden["pictures"][0]["prepared"] = "x"
    path.write_text(json.dumps(golden), encoding="utf-8")
    reseal(bundle)
    said = hubel("val", bundle, "--golden")
    assert said.code == 1
    assert "NOT the same" in said.out
    assert "Pillow prepares 01-digit-0.png otherwise" in said.out
    said = hubel("val", bundle, "--golden", "--json")
    assert said.code == 1
    assert json.loads(said.out)["ok"] is False


def test_a_broken_bundle_is_one_line(hubel, bundle):
    (bundle / "model.onnx").write_bytes(b"")
    said = hubel("val", bundle, "--golden")
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "model.onnx was changed" in said.err
