"""`hubel.show` on names, modules and sizes."""

from __future__ import annotations

import gc
import sys
import time

import pytest
import torch
from torch import nn

import hubel
from hubel.analysis.catalogue import entries
from hubel.verbs.show import ablation_words, show
from hubel.verbs.sizes import sides


def test_a_name():
    found = hubel.show("resnet50")
    assert found.size == (3, 224, 224)
    assert (found.account.params, found.account.macs) == (25_557_032, 4_089_184_256)
    assert "He, Zhang, Ren, Sun" in found.paper
    told = found.to_dict()
    for word in ("params", "macs", "flops", "activation_bytes"):
        assert told[word] == sum(line[word] for line in told["layers"])
    assert told["flops"] == 2 * told["macs"]
    first = told["layers"][0]
    assert (first["kind"], first["shape"], first["field"]) == ("Conv2d", (64, 112, 112), [7, 7])
    assert (first["stride"], first["offset"]) == ([2, 2], [0, 0])


def test_another_picture():
    found = show("resnet18", "1x65x90")
    assert found.size == (1, 65, 90)
    assert found.layers[0].shape == (64, 33, 45)
    assert "64x33x45" in found.paper
    assert found.layers[0].params == 64 * 49


def test_words_change_the_network():
    assert show("resnet34", skip="none").account.params == show("plain34").account.params
    assert show("resnet34", skip="none").name == "resnet34 skip=none"
    assert ablation_words("resnet50", ["skip=none", "se=16"]) == {"skip": "none", "se": 16}
    assert ablation_words("some.module:build", ["depth=3"]) == {"depth": 3}


def test_a_module_is_left_as_it_is():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    found = show(module, (3, 8, 8))
    assert (found.paper, found.name, found.account.params) == ("", "Sequential", 120)
    assert module.training
    assert not module[0].weight.is_meta
    with pytest.raises(ValueError, match="size of its pictures is not known"):
        show(module)


def own(depth: int = 1) -> nn.Module:
    return nn.Sequential(*[nn.Conv2d(2, 2, 3) for _ in range(depth)])


def test_one_s_own_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "page_of_mine", sys.modules[__name__])
    found = show("page_of_mine:own", (2, 16, 16), depth=3)
    assert [line.shape[1] for line in found.layers] == [14, 12, 10]


@pytest.mark.parametrize(
    ("name", "size", "words", "says"),
    [
        ("resnet5O", None, {}, "unknown network 'resnet5O'; did you mean .*'resnet50'"),
        ("resnet50", "3x224", {}, "a picture is CxHxW, as 3x224x224"),
        ("resnet50", "large", {}, "'large' is no size"),
        ("resnet50", (3, 0, 4), {}, "a picture is CxHxW"),
        ("alexnet", "3x40x40", {}, r"stages\.5.* does not take 40x40"),
        ("resnet50", None, {"skp": "none"}, "did you mean 'skip'"),
        ("resnet50", None, {"skip": "nne"}, "add, none"),
        ("resnet50", None, {"se": "many"}, "se='many'"),
    ],
)
def test_what_cannot_be(name, size, words, says):
    with pytest.raises(ValueError, match=says):
        show(name, size, **words)
    assert gc.isenabled()


def test_words_as_typed():
    for text in ("skip", "=none"):
        with pytest.raises(ValueError, match="no word with its value; write skip=none"):
            ablation_words("resnet50", [text])
    with pytest.raises(ValueError, match="given twice"):
        ablation_words("resnet50", ["se=1", "se=2"])


def test_sides():
    assert sides("3x224X224") == sides("3, 224,224") == sides([3, 224, 224]) == (3, 224, 224)
    for text in ("", "x", "3x", "-3x4", "3x4.5", "3x4x5x1e3"):
        with pytest.raises(ValueError, match="is no size"):
            sides(text)


@pytest.mark.slow
@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_every_network_s_lines_add_up(entry):
    found = show(entry.name)
    for lines in (found.blocks, found.layers):
        assert sum(line.params for line in lines) == entry.params
        assert sum(line.macs for line in lines) == entry.macs
        assert sum(line.activations for line in lines) == found.activations
    assert max(map(len, found.paper.splitlines())) <= 100


def test_nothing_is_allocated(monkeypatch):
    real = torch.Tensor.is_meta.__get__
    made = []
    register = nn.Module.register_parameter

    def watch(self, name, parameter):
        made.append(parameter is None or real(parameter))
        register(self, name, parameter)

    monkeypatch.setattr(nn.Module, "register_parameter", watch)
    show("vgg16")
    assert made
    assert all(made)


def test_resnet152_is_quick():
    """0.1 s on a quiet machine; processor time, and the best of some, since others run too."""
    show("resnet18")
    best = 9.0
    for _ in range(4):
        start = time.process_time()
        show("resnet152")
        best = min(best, time.process_time() - start)
    assert best < 0.3, f"{best:.2f} s"
