"""The packaged catalogue is that of the registered networks."""

from __future__ import annotations

import json

import pytest

from hubel import networks
from hubel.analysis.catalogue import accuracy, catalogue, counted, entries
from tests import contract

ENTRIES = {entry.name: entry for entry in entries()}


def test_it_holds_every_network_in_order():
    assert list(ENTRIES) == networks.names(), "run `make accept` and read the diff"


def test_its_facts_are_those_of_the_tables():
    for name, entry in ENTRIES.items():
        spec = networks.specification(name)
        assert entry.size == spec.size, name
        facts = {word: str(spec.facts.get(word, "")) for word in ("paper", "authors", "arxiv")}
        assert {word: getattr(entry, word) for word in facts} == facts, name
        assert entry.year == spec.facts["year"], name


def test_its_counts_are_those_of_the_contract():
    expected = json.loads(contract.EXPECT.read_text(encoding="utf-8"))
    for name in ENTRIES.keys() & expected.keys():
        entry = ENTRIES[name]
        assert (entry.params, entry.macs) == (expected[name]["params"], expected[name]["macs"])
    assert len(ENTRIES.keys() & expected.keys()) > 30


@pytest.mark.parametrize("name", ["lenet5-1998", "resnet50", "googlenet", "airbench94"])
def test_counted_anew(name):
    assert counted(name) == ENTRIES[name]


def test_accuracies_are_of_registered_networks():
    found = accuracy()
    names = [line.name for line in found]
    assert set(names) <= ENTRIES.keys()
    assert len(set(names)) == len(names)
    for line in found:
        tops = [
            (line.paper_top1, line.paper_top5),
            (line.weights_top1, line.weights_top5),
        ]
        assert any(top is not None for pair in tops for top in pair), line
        for top1, top5 in tops:
            assert top1 is None or 40 < top1 < 100
            assert top5 is None or (top1 or 0) < top5 < 100
        assert bool(line.weights) == (line.weights_top1 is not None)


def test_published_figures():
    of = {line.name: line for line in accuracy()}
    assert of["resnet50"].weights_top1 == 76.13
    assert of["alexnet-2012"].paper_top5 == 81.8
    assert of["resnet110"].paper_top1 == 93.57


def test_patterns():
    assert [entry.name for entry, _ in catalogue("vgg1?")] == ["vgg11", "vgg13", "vgg16", "vgg19"]
    assert {entry.name for entry, _ in catalogue("VGG")} >= {"vgg11", "vgg19_bn"}
    assert len(catalogue()) == len(ENTRIES)
    with pytest.raises(ValueError, match="did you mean 'resnet"):
        catalogue("resnt50")
