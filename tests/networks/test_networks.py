"""Names, words, sizes: what a user types and what comes back."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest
import torch
from torch import nn

from hubel import networks
from hubel.networks import Network, Spec


def meta(name: str, **words) -> Network:
    with torch.device("meta"):
        return networks.create(name, **words)


def params(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"name": "resent50"}, "did you mean 'resnet50'"),
        ({"name": "resnet50", "skipp": "none"}, "did you mean 'skip'"),
        ({"name": "resnet50", "skip": "concat"}, "may be add, none"),
        ({"name": "resnet50", "groups": "32"}, "such as groups=1"),
        ({"name": "alexnet-2012", "groups": 5}, "must both be multiples"),
        ({"name": "resnet50", "se": -1}, "below 0"),
        ({"name": "resnet50", "kernel": 4}, "odd kernel"),
        ({"name": "resnet50", "act": "rellu"}, "did you mean 'relu'"),
        ({"name": "vgg16", "skip": "none"}, "unknown word for vgg16"),
        ({"name": "resnet50", "classes": 0}, "classes=0"),
        ({"name": "resnet50", "channels": 0}, "channels=0"),
        ({"name": "resnet50", "classes": 2.5}, "whole number"),
        ({"name": "nowhere_at_all:build"}, "nowhere_at_all"),
        ({"name": "json:build"}, "has no 'build'"),
        ({"name": "json:dumps", "obj": 1}, "gave a str"),
    ],
)
def test_refusals(words, message):
    with pytest.raises(ValueError, match=message):
        networks.create(words.pop("name"), **words)


def test_pictures_that_do_not_fit():
    network = networks.create("alexnet", classes=3)
    with pytest.raises(ValueError, match="least size is 63x63"):
        network(torch.zeros(1, 3, 40, 40))
    with pytest.raises(ValueError, match="least size is 63x63"):
        network.features(torch.zeros(1, 3, 40, 200))
    with pytest.raises(ValueError, match=r"takes \(N, 3, H, W\)"):
        network(torch.zeros(1, 1, 224, 224))
    with pytest.raises(ValueError, match="floating point"):
        network(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    assert network.eval()(torch.zeros(1, 3, 63, 63)).shape == (1, 3)


def test_the_paper_s_head_and_the_pooled_one():
    vgg = meta("vgg16")
    dense = sum(p.numel() for p in vgg.head.parameters())
    assert round(dense / params(vgg), 3) == 0.894
    assert params(meta("vgg16", head="gap")) == 15_227_688


def test_resnet_words():
    assert params(meta("resnet34", skip="none")) == params(meta("plain34")) == 21_623_848
    assert params(meta("resnet20", shortcut="projection")) == 269_722 + 2_752
    strides = [
        row.shape[1]
        for row in meta("resnet50", stride_on="1x1").account().rows
        if row.name.startswith("stages.1.0.body") and row.kind == "Conv2d"
    ]
    assert strides == [28, 28, 28]


def test_resnet50_features():
    network = networks.create("resnet50").eval()
    with torch.inference_mode():
        features = network.features(torch.randn(1, 3, 224, 224))
    shapes = {stride: tuple(f.shape[1:]) for stride, f in features.items() if stride >= 4}
    assert shapes == {4: (256, 56, 56), 8: (512, 28, 28), 16: (1024, 14, 14), 32: (2048, 7, 7)}
    assert network.widths == {2: 64, 4: 256, 8: 512, 16: 1024, 32: 2048}


def test_identity_initialization_returns_the_activated_input():
    network = networks.create("resnet20", init="identity").eval()
    block = network.stages[0][1]
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(block(x), torch.relu(x))


def test_swap_keeps_classes_and_channels():
    spec = networks.specification("resnet18").given(classes=7, channels=1)
    plain = spec.swap(skip="none")
    assert (plain.classes, plain.channels, plain.words) == (7, 1, {"skip": "none"})
    assert plain.swap(act="gelu").words == {"skip": "none", "act": "gelu"}


def test_a_spec_prints_as_the_paper_s_table():
    text = str(networks.specification("resnet50"))
    assert "He, Zhang, Ren, Sun 2015" in text
    assert "1024x14x14  6" in text
    assert "25,557,032 parameters, 4,089,184,256 MACs at 224x224" in text


def test_taps():
    network = networks.create("resnet20").eval()
    x = torch.randn(1, 3, 32, 32)
    taps = network.taps(x, ["stages.1", "stages.1.0", "stem.0.0"])
    assert list(taps) == ["stages.1", "stages.1.0", "stem.0.0"]
    assert taps["stages.1.0"].shape == (1, 32, 16, 16)
    with pytest.raises(ValueError, match=r"did you mean 'stages\.1"):
        network.taps(x, ["stages.1.9"])


def test_names_by_pattern():
    assert networks.names("vgg1?") == ["vgg11", "vgg13", "vgg16", "vgg19"]


def test_a_network_of_one_s_own(monkeypatch):
    page = types.ModuleType("my_page")
    page.build = lambda classes=10: nn.Sequential(nn.Flatten(), nn.Linear(12, classes))
    page.table = lambda: networks.specification("resnet20")
    monkeypatch.setitem(sys.modules, "my_page", page)
    assert networks.create("my_page:build", classes=3)[1].out_features == 3
    with pytest.raises(ValueError, match="build takes no skip"):
        networks.create("my_page:build", skip="none")
    made = networks.create("my_page:table", classes=3)
    assert isinstance(made, Network)
    assert made.spec.classes == 3


def test_a_name_is_registered_once(monkeypatch):
    twin = types.SimpleNamespace(__name__="twin", VARIANTS={"resnet50": Spec})
    monkeypatch.setattr(networks, "FAMILIES", (*networks.FAMILIES, twin))
    with pytest.raises(ValueError, match="resnet50 of twin is registered already"):
        networks._merged()


QUICK = """
import time, torch
from hubel.networks import create
seconds = []
for _ in range(7):
    start = time.process_time()
    with torch.device("meta"):
        network = create("resnet152")
    built = time.process_time()
    network.account()
    seconds.append((built - start, time.process_time() - start))
print(*map(min, zip(*seconds)))
"""


def test_building_is_quick():
    """ResNet-152 on the meta device, and its account: the best of seven in a fresh process."""
    run = subprocess.run([sys.executable, "-c", QUICK], capture_output=True, text=True, check=True)
    building, both = map(float, run.stdout.split())
    assert building <= 0.1
    assert both <= 0.2
