"""One suite for every registered network; a new family adds no test code."""

from __future__ import annotations

import csv
import functools
import json
import pickle
from pathlib import Path

import pytest
import torch

from hubel import networks
from tests import contract

EXPECTED = json.loads(contract.EXPECT.read_text())
QUICK = contract.smallest()
FULL = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in networks.names()
]


@functools.lru_cache(maxsize=1)
def made(name: str) -> networks.Network:
    """The network under formula weights, float32 in evaluation, kept while its tests run."""
    network = networks.create(name)
    contract.fill(network)
    return network.eval()


@pytest.mark.parametrize("name", networks.names())
def test_counts(name):
    assert name in EXPECTED, "run `make accept` and read the diff"
    expected = {key: EXPECTED[name][key] for key in ("params", "macs")}
    assert contract.cost(name) == expected


@pytest.mark.parametrize("name", FULL)
def test_logits(name):
    """To 1e-5: deep networks with gates make 1e-6 of float64's rounding, which depends on threads.

    Any change of a layer, the eps of a norm included, moves logits by far more.
    """
    y = contract.logits(name)
    expected = torch.tensor(EXPECTED[name]["logits"], dtype=torch.float64)
    scale = EXPECTED[name]["norm"] / y.numel() ** 0.5
    assert (y[:5] - expected).abs().max() < 1e-5 * scale
    assert y.norm().item() == pytest.approx(EXPECTED[name]["norm"], rel=1e-5)


@pytest.mark.parametrize("name", FULL)
def test_passes(name):
    network = made(name)
    n, channels = contract.side(network), network.spec.channels
    x = contract.picture(channels, n, n, batch=2).float()
    with torch.inference_mode():
        y = network(x)
        assert y.shape == (2, network.spec.classes)
        assert torch.equal(network(x), y), "evaluation is not repeatable"
        features = network.features(x)
        torch.testing.assert_close(network.logits(features), y, rtol=0, atol=0)
        assert torch.equal(network.taps(x, ["head"])["head"], y)
    assert {stride: f.shape[1] for stride, f in features.items()} == network.widths


@pytest.mark.parametrize("name", FULL)
def test_features_of_odd_sizes(name):
    network = made(name)
    least = max(contract.side(network) // 2, network.least() if network.spec.size > 32 else 28)
    height, width = least + 5, least + 14
    x = contract.picture(network.spec.channels, height, width).float()
    rows = [f"stem.{i}" for i in range(len(network.stem))]
    rows += [f"stages.{i}" for i in range(len(network.stages))]
    body = torch.nn.Sequential(network.stem, network.stages)
    account = networks.account(body, (network.spec.channels, height, width))
    with torch.inference_mode():
        taps = network.taps(x, rows) if network.spec.size > 32 else {}
        features = network.features(x)
    last = f"1.{len(network.stages) - 1}"
    assert tuple(features[max(features)].shape[1:]) == account.shapes[last]
    for name, tap in taps.items():
        part, i = name.split(".")
        assert tuple(tap.shape[1:]) == account.shapes[f"{int(part == 'stages')}.{i}"]
    for stride, (jump, _) in network.grid.items():
        assert jump == stride


@pytest.mark.parametrize("name", FULL)
def test_gradients_reach_every_parameter(name):
    network = networks.create(name).train()
    n = network.spec.size if network.aux else contract.side(network)
    x = contract.picture(network.spec.channels, n, n, batch=2).float()
    torch.manual_seed(0)
    sum(y.square().mean() for y in network.outputs(x)).backward()
    without = [key for key, p in network.named_parameters() if p.grad is None]
    assert not without
    assert all(p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("name", FULL)
def test_state_round_trip_and_pickle(name):
    network = made(name)
    other = networks.create(name, weights=network.state_dict()).eval()
    n = contract.side(network)
    x = contract.picture(network.spec.channels, n, n).float()
    with torch.inference_mode():
        assert torch.equal(other(x), network(x))
    with torch.device("meta"):
        empty = networks.create(name)
    again = pickle.loads(pickle.dumps(empty))
    assert again.state_dict().keys() == network.state_dict().keys()
    assert again.account() == empty.account()


@pytest.mark.parametrize("name", FULL)
def test_export(name):
    network = made(name)
    n = contract.side(network)
    x = contract.picture(network.spec.channels, n, n).float()
    with torch.inference_mode():
        exported = torch.export.export(network, (x,)).module()
        torch.testing.assert_close(exported(x), network(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FULL)
def test_other_channels_and_classes(name):
    for channels in (1, 4):
        with torch.device("meta"):
            network = networks.create(name, channels=channels, classes=7)
        assert network.account().shapes[""] == (7,)
        assert network.spec.channels == channels


def published():
    """Rows of the published table whose network is registered."""
    with Path(__file__).with_name("published.csv").open(newline="", encoding="utf-8") as file:
        return [line for line in csv.DictReader(file) if line["name"] in networks.VARIANTS]


@pytest.mark.parametrize("line", published(), ids=lambda line: line["name"])
def test_published_counts(line):
    """Parameters to the unit; MACs to the printed digits, where convolutions and dense layers
    count.

    Some of the table's MACs count norms and activations too ("timm"); RepVGG's are those after
    `fuse`.
    """
    cost = contract.cost(line["name"], int(line["size"]), line["counted"] == "fused")
    assert cost["params"] == int(line["params"])
    if line["counted"] == "timm":
        assert 0.97 < cost["macs"] / 1e9 / float(line["gmacs"]) < 1
    elif line["gmacs"]:
        digits = len(line["gmacs"].partition(".")[2])
        assert round(cost["macs"] / 1e9, digits) == float(line["gmacs"])
