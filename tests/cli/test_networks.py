"""`hubel networks` as typed."""

from __future__ import annotations

import json

from hubel.analysis.catalogue import catalogue
from tests.test_startup import COMMAND, HEAVY, RUNTIME, imported


def test_the_list(hubel):
    said = hubel("networks", "resnet[15]?")
    lines = said.out.splitlines()
    assert "2015  Deep Residual Learning for Image Recognition (He, Zhang, Ren, Sun)" in lines
    assert "  resnet50   224    25.6M   4.09G   77.15 10 crops         76.13" in lines
    assert lines[-3].startswith("4 networks.")


def test_all_fit_a_terminal(hubel):
    lines = hubel("networks").out.splitlines()
    assert len(lines) > 60
    assert max(map(len, lines)) <= 100


def test_json(hubel):
    (told,) = json.loads(hubel("networks", "vgg16", "--json").out)[:1]
    assert (told["params"], told["macs"], told["year"]) == (138_357_544, 15_470_264_320, 2014)
    assert told["accuracy"]["weights_top1"] == 71.592
    (told,) = json.loads(hubel("networks", "resnet14", "--json").out)
    assert told["accuracy"] is None


def test_a_mistake(hubel):
    said = hubel("networks", "resnt50")
    assert (said.code, said.out) == (2, "")
    assert "did you mean 'resnet50'" in said.err


def test_weights(hubel):
    lines = hubel("networks", "resnet50", "--weights", "--licence", "permissive").out.splitlines()
    assert max(map(len, lines)) <= 100
    assert "torchvision/resnet50.IMAGENET1K_V2         80.86    224     1000  bsd-3-clause" in lines
    assert not any("cc-by-nc" in line for line in lines)
    (told,) = json.loads(hubel("networks", "timm/vgg11.*", "--weights", "--json").out)
    assert (told["network"], told["preprocess"]["size"]) == ("vgg11", [224, 224])


def test_weights_that_are_not_there(hubel):
    said = hubel("networks", "--weights", "--licence", "gpl")
    assert (said.code, said.out) == (2, "")
    assert "permissive" in said.err
    assert hubel("networks", "plain34", "--weights").code == 2
    assert "add --weights" in hubel("networks", "--licence", "mit").err


def test_weights_need_no_torch():
    assert not imported(COMMAND, "networks", "--weights") & set(HEAVY)


def test_it_needs_no_torch():
    assert not imported(COMMAND, "networks") & {*HEAVY, *RUNTIME}
    assert not imported("import hubel; hubel.catalogue('vgg*')") & {*HEAVY, *RUNTIME}


def test_the_page(hubel, tmp_path):
    page = tmp_path / "networks.html"
    said = hubel("networks", "--html", page)
    assert said.out.endswith(f"The page: {page}\n")
    text = page.read_text(encoding="utf-8")
    known = [entry for entry, accuracy in catalogue() if accuracy and accuracy.data[0] == "I"]
    assert text.count("<circle") == 2 * len(known)  # against parameters and over the years
    for winner in ("alexnet-2012", "googlenet", "resnet152", "legacy_senet154"):
        assert text.count(f">{winner}</text>") == 2
    assert "resnet50 (2015): 76.1 with 25.6" in text
    assert "a trained person, 5.1" in text
    hubel("networks", "resnet20", "--html", page)
    text = page.read_text(encoding="utf-8")
    assert "<circle" not in text
    assert "91.25" in text
