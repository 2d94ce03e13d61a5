"""Finer maps from the same weights: every second cell is what it was."""

from __future__ import annotations

import json
import math

import pytest
import torch

from hubel import networks
from hubel.networks import Network, specification
from tests import contract

COSTS = json.loads(contract.EXPECT.read_text(encoding="utf-8"))


def stride(name: str) -> int:
    spec = specification(name)
    return math.prod(stage.stride for stage in (*spec.stem, *spec.stages))


def families() -> list[str]:
    """The cheapest network of every family that strides by more than 8."""
    pages = [[n for n in page.VARIANTS if stride(n) > 8] for page in networks.FAMILIES]
    return [min(page, key=lambda name: COSTS[name]["params"]) for page in pages if page]


def pooled(name: str) -> dict[str, str]:
    """A word that spares the large dense heads, where there is one."""
    rule = specification(name).rule
    return {"head": "gap"} if networks.words_of(rule).get("head") == "dense" else {}


# What stands in a network in a way of its own: strides of a first 1x1, of a sliced shortcut, of
# averages, of windows over the edge; padding as TensorFlow's; gates.
WAYS = [
    ("resnet50", {"stride_on": "1x1"}), ("resnet18", {"shortcut": "pad", "pool": "avg"}),
    ("seresnet50", {}), ("shufflenet_v1_x1_0_g3", {}), ("inception_v3", {}),
    ("tf_efficientnet_b0", {}), ("mobilenet_v3_small", {}), ("googlenet", {}),
    ("vgg11", {"pool": "avg", "head": "gap"}),
]  # fmt: skip


def both(name: str, step: int, words) -> tuple[Network, Network]:
    """The network as it is and dilated, float64 with the same formula weights."""
    plain, fine = networks.create(name, **words), networks.create(name, dilate=step, **words)
    for network in (plain, fine):
        network.double().eval()
        contract.fill(network)
    return plain, fine


@pytest.mark.parametrize(
    ("name", "words", "size"),
    [*((n, pooled(n), (5, 14)) for n in families()), *((*way, (1, 1)) for way in WAYS)],
    ids=str,
)
def test_every_second_cell_is_what_it_was(name, words, size):
    plain, fine = both(name, 8, words)
    side = max(64, plain.least())
    x = contract.picture(plain.spec.channels, side + size[0], side + size[1])
    rows = list(plain._strides)
    with torch.inference_mode():
        before, after = plain.taps(x, rows), fine.taps(x, rows)
    removed = 0
    for row in rows:
        every = max(1, plain._strides[row] // 8)
        removed = max(removed, every)
        y = after[row][:, :, ::every, ::every]
        assert y.shape == before[row].shape
        assert (y - before[row]).abs().max() <= 1e-10 * before[row].abs().max()
    assert removed == stride(name) // 8


@pytest.mark.parametrize("step", [8, 16])
@pytest.mark.parametrize("name", families())
def test_widths_grid_and_features_are_true(name, step):
    if stride(name) <= step:
        with pytest.raises(ValueError, match="it may be 8"):
            specification(name, dilate=step)
        return
    with torch.device("meta"):
        plain, fine = networks.create(name), networks.create(name, dilate=step)
    assert [f.shape for f in fine.parameters()] == [p.shape for p in plain.parameters()]
    assert list(fine.widths) == [s for s in plain.widths if s <= step]
    assert fine.widths[step] == plain.widths[max(plain.widths)]
    for stride_, (jump, offset) in fine.grid.items():
        assert (jump, offset) == (stride_, plain.grid[stride_][1] if stride_ < step else offset)
    x = torch.empty(1, fine.spec.channels, fine.spec.size, fine.spec.size, device="meta")
    features = fine.eval().features(x)
    assert {s: f.shape[1] for s, f in features.items()} == fine.widths
    assert fine.logits(features).shape == (1, 1000)


def test_resnet50_keeps_28_cells():
    with torch.device("meta"):
        network = networks.create("resnet50", dilate=8)
    account = network.account()
    assert account.shapes["stages.3"] == (2048, 28, 28)
    assert account.places["stages.3"].rows.field == 427  # the field stays; the cells lie closer
    assert "2048x28x28  3      1       dilation=4" in str(network.spec)


def test_dilation_travels_with_the_words():
    spec = specification("resnet18").given(classes=7).dilate(16)
    assert spec.words == {"dilate": 16}
    assert spec.swap(act="gelu").words == {"dilate": 16, "act": "gelu"}
    for made in (spec.swap(se=16), spec.scale(0.5), specification("resnet18", **spec.words)):
        with torch.device("meta"):
            assert max(Network(made).widths) == 16
    with torch.device("meta"):
        assert max(Network(spec.swap(dilate=0)).widths) == 32


def test_gradients_reach_every_parameter_of_a_dilated_network():
    network = networks.create("googlenet", dilate=8).train()
    torch.manual_seed(0)
    x = contract.picture(3, 64, 64, batch=2).float()
    sum(y.square().mean() for y in network.outputs(x)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_a_dilated_network_exports():
    network = networks.create("squeezenet1_1", dilate=8).eval()
    x = contract.picture(3, 65, 79).float()
    with torch.inference_mode():
        exported = torch.export.export(network, (x,)).module()
        torch.testing.assert_close(exported(x), network(x), rtol=1e-4, atol=1e-4)


def test_a_dilated_network_fuses():
    network = networks.create("repvgg_a0", dilate=8).eval()
    contract.fill(network)
    x = contract.picture(3, 65, 79).float()
    with torch.inference_mode():
        y = network(x)
        fused = network.fuse()(x)
    assert (fused - y).abs().max() < 1e-5 * y.abs().max()


@pytest.mark.parametrize(
    ("name", "words", "says"),
    [
        ("resnet50", {"dilate": 4}, "dilate=4: resnet50 strides by 32 in all; it may be 8 or 16"),
        ("squeezenet1_1", {"dilate": 16}, "strides by 16 in all; it may be 8"),
        ("resnet20", {"dilate": 8}, "strides by 4 in all; none needs to go"),
        ("resnet50", {"dilate": "8"}, "such as dilate=0"),
        ("googlenet", {"dilate": 8, "pool": "avg"}, "hang over the edge: it cannot be dilated"),
    ],
)
def test_what_cannot_be_dilated(name, words, says):
    with pytest.raises(ValueError, match=says):
        networks.create(name, **words)
