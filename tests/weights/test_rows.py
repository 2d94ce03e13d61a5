"""What is said of published weights."""

from __future__ import annotations

import re

import pytest
import torch
from PIL import Image
from torch import nn

from hubel import networks, published
from hubel.pictures import Preprocess
from hubel.weights import imagenet, listed
from hubel.weights.rows import PERMISSIVE, meant
from hubel.weights.spelling import known_pairings, ordered

ROWS = listed()


def test_a_row():
    row = published("timm/resnet50.tv_in1k")
    assert (row.network, row.file, row.sha256) == ("resnet50", "model.safetensors", "")
    assert row.licence == "bsd-3-clause"
    assert row.preprocess.mean == (0.485, 0.456, 0.406)
    assert row.top1 == 76.156  # ../shared/reference/networks.csv
    assert (row.classes[1], row.synsets[1]) == ("goldfish", "n01443537")
    assert len(row.classes) == row.outputs == 1000

    plain = published("torchvision/resnet50.IMAGENET1K_V2")
    assert (plain.file, plain.sha256) == ("resnet50-11ad3fa6.pth", "11ad3fa6")
    assert round(224 / plain.preprocess.crop) == 232


def test_all_rows_are_of_networks_here():
    assert len(ROWS) == len({row.name for row in ROWS}) > 300
    assert {row.network for row in ROWS} <= set(networks.names())
    for row in ROWS:
        assert not row.url or row.sha256, row.name
        assert row.url.startswith("https://") or row.name.startswith("timm/")
        assert row.top1 is None or 50 < row.top1 < 90
        assert (row.padding == "tensorflow") == row.network.startswith("tf_")


@pytest.mark.slow
def test_every_network_has_the_eps_of_its_weights():
    """Built here, and under the library's spelling where that decides."""
    first = {}
    for row in ROWS:
        first.setdefault((row.network, row.eps), row)
    for row in first.values():
        if row.network in ("efficientnet_b5", "efficientnet_b6", "efficientnet_b7"):
            continue
        with torch.device("meta"):
            network = networks.create(row.network)
        norms = (nn.BatchNorm2d, nn.LayerNorm)
        eps = next((part.eps for part in network.modules() if isinstance(part, norms)), None)
        assert eps == row.eps, row.name
    b5 = {row.name.partition("/")[0]: row.eps for row in listed("efficientnet_b5*")}
    assert b5 == {"timm": 1e-5, "torchvision": 1e-3}


def test_the_short_side_becomes_what_the_row_says():
    row = published("timm/convnext_tiny.fb_in22k")
    picture = Image.new("RGB", (500, 375))
    assert row.preprocess(picture).shape == (224, 224, 3)
    for row in ROWS:
        resize = row.preprocess.size[0] / row.preprocess.crop
        assert abs(resize - round(resize)) < 1e-9, row.name
        assert Preprocess.from_dict(row.preprocess.to_dict()) == row.preprocess


def test_the_classes_of_imagenet():
    numbers, names = zip(*imagenet(), strict=True)
    assert len(set(numbers)) == len(set(names)) == 1000
    assert list(numbers) == sorted(numbers)
    assert all(re.fullmatch(r"n\d{8}", number) for number in numbers)
    assert names[0] == "tench"
    assert names[-1] == "toilet tissue"


def test_lists():
    assert {row.network for row in listed("resnet18")} >= {"resnet18", "legacy_seresnet18"}
    assert all(row.licence in PERMISSIVE for row in listed(licence="permissive"))
    assert {row.licence for row in listed("resne*", "cc-by-nc-4.0")} == {"cc-by-nc-4.0"}
    assert [row.name for row in listed("timm/vgg11.*")] == ["timm/vgg11.tv_in1k"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("resnet51",), "unknown network with weights 'resnet51'; did you mean 'resnet50'"),
        (("*", "gpl"), "unknown licence 'gpl'; known: apache-2.0, .*permissive"),
        (("alexnet", "mit"), "no weights of 'alexnet' under mit; there are: bsd-3-clause"),
    ],
)
def test_lists_of_nothing(words, message):
    with pytest.raises(ValueError, match=message):
        listed(*words)


def test_what_weights_are_meant(tmp_path, monkeypatch):
    row = published("timm/resnet18.tv_in1k")
    assert meant(row.name) is meant(row) is row
    assert meant({}) is meant("x.pth") is None
    with pytest.raises(ValueError, match=r"did you mean 'timm/resnet18\.tv_in1k'"):
        meant("timm/resnet18.tv_in1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / row.name).mkdir(parents=True)
    assert meant(row.name) is None  # what lies here goes first


def test_published_weights_bring_their_number_of_classes(monkeypatch):
    monkeypatch.setattr(networks, "load", lambda network, weights: None)
    name = "timm/mobilenetv3_large_100.miil_in21k"
    with torch.device("meta"):
        made = networks.create("mobilenetv3_large_100", weights=name)
        mine = networks.create("mobilenetv3_large_100", classes=2, weights=name)
        headless = networks.create("convnext_tiny", weights="timm/convnext_tiny.dinov3_lvd1689m")
    assert (made.spec.classes, mine.spec.classes, headless.spec.classes) == (11221, 2, 1000)


def test_pairings_are_of_networks_here():
    assert len(known_pairings()) > 150
    assert {network for network, _ in known_pairings()} <= set(networks.names())


def test_an_order_is_found_or_not_at_all():
    keys = ["b.10.weight", "b.9.weight", "b.9.bias", "q.weight"]
    assert ordered(keys[:3]) == ["b.9.weight", "b.9.bias", "b.10.weight"]
    assert ordered(keys) is None
