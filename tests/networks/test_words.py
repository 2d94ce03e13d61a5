"""One-word experiments: each changes what it says, and the known ones give the known networks."""

from __future__ import annotations

import json

import pytest
import torch

from hubel.networks import FAMILIES, Network, create, specification
from hubel.networks.efficientnet import SCALES
from tests import contract


def meta(spec) -> Network:
    with torch.device("meta"):
        return Network(spec)


def shapes(network) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for p in network.parameters()]


@pytest.mark.parametrize(
    ("name", "words", "same"),
    [
        ("resnet50", {"groups": 32, "width": 4}, "resnext50_32x4d"),
        ("resnet101", {"groups": 64, "width": 4}, "resnext101_64x4d"),
        ("resnet50", {"width": 128}, "wide_resnet50_2"),
        ("resnet50", {"se": 16}, "seresnet50"),
        ("resnet34", {"skip": "none"}, "plain34"),
        ("vgg16", {"norm": "batch"}, "vgg16_bn"),
        ("bn_inception", {"se": 16}, "se_bn_inception"),
        ("resnext50_32x4d", {"groups": 1, "width": 64}, "resnet50"),
    ],
)
def test_one_network_is_another_with_a_word(name, words, same):
    assert shapes(meta(specification(name, **words))) == shapes(meta(specification(same)))


def test_compound_scaling_gives_the_released_networks():
    base = specification("efficientnet_b0")
    for i, (width, depth, size, _) in enumerate(SCALES):
        scaled = meta(base.scale(width, depth, size))
        released = meta(specification(f"efficientnet_b{i}"))
        assert shapes(scaled) == shapes(released)
        assert scaled.spec.size == released.spec.size


def families() -> list[str]:
    """The cheapest network of every family, AlexNet's and VGG's with their large dense heads."""
    costs = json.loads(contract.EXPECT.read_text(encoding="utf-8"))
    return [min(page.VARIANTS, key=lambda name: costs[name]["params"]) for page in FAMILIES]


@pytest.mark.parametrize("name", [*families(), "shufflenet_v1_x1_0_g3", "legacy_senet154"])
def test_every_family_scales(name):
    """The cost follows the factors, as far as the growth of concatenations and stems lets it."""
    if name == "lenet5-1998":
        with pytest.raises(ValueError, match="table I connects 6 maps to 16"):
            meta(specification(name, widen=1.5))
        return
    spec = specification(name)
    cost = meta(spec).account().macs
    wide = meta(spec.scale(width=2)).account().macs / cost
    assert 2.9 < wide < 4.9
    if "densenet" in name:  # each layer sees all before it
        assert 2.5 < meta(spec.scale(depth=2)).account().macs / cost < 4
        return
    deep = meta(spec.scale(depth=2)).account().macs / cost
    assert 1.3 < deep < 2.9
    slightly = meta(spec.scale(1.2, 1.2)).account().macs / cost
    assert 1.3 < slightly < 2.3


def test_a_scaled_network_is_a_name_with_words():
    spec = specification("resnet14", widen=1.5, deepen=1.5)
    assert [(row.width, row.depth) for row in spec.stages] == [(24, 3), (48, 3), (96, 3)]
    assert spec.words == {"widen": 1.5, "deepen": 1.5}
    assert specification("resnet14", widen=2).stages[0].width == 32  # a whole number will do
    again = specification("resnet14").scale(1.5, size=40).scale(2.0, 1.5)
    assert (again.words, again.size) == ({"widen": 3.0, "deepen": 1.5}, 40)
    kept = again.given(classes=7).swap(act="gelu")
    assert (kept.classes, kept.size, kept.words["widen"]) == (7, 40, 3.0)
    network = create("resnet14", classes=3, widen=0.5, deepen=1.2)
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
    assert [len(stage) for stage in network.stages] == [2, 3, 2]  # 7.2 blocks, about evenly


def test_what_cannot_be_scaled():
    for words, says in (
        ({"widen": 0.0}, "a factor is greater than 0"),
        ({"deepen": float("nan")}, "a factor is greater than 0"),
        ({"widen": "2"}, "such as widen=1.0"),
        ({"widen": True}, "such as widen=1.0"),
    ):
        with pytest.raises(ValueError, match=says):
            specification("resnet14", **words)
    with pytest.raises(ValueError, match="every row of this network stands once"):
        specification("lenet5", deepen=2.0)


def test_auxiliary_heads_stay_behind_their_rows():
    deep = meta(specification("googlenet", deepen=1.5))
    assert set(deep.aux) == {"stages_3", "stages_6"}
    assert [len(stage) for stage in deep.stages] == [1, 2, 1, 1, 1, 1, 1, 4, 1, 1, 1]


def weights_of(network: Network, row: str) -> int:
    return sum(p.numel() for p in network.get_submodule(row).parameters() if p.ndim > 1)


def test_googlenet_3a_with_and_without_reductions():
    """Table 1's 3a has 163,328 weights, and 387,072 without reductions and pool projection."""
    paper = {"kernel": 5, "norm": "none"}
    assert weights_of(meta(specification("googlenet", **paper)), "stages.0") == 163_328
    naive = meta(specification("googlenet", reduce="none", **paper))
    assert weights_of(naive, "stages.0") == 387_072


def test_googlenet_without_auxiliary_heads():
    plain = meta(specification("googlenet", aux=False))
    assert sum(p.numel() for p in plain.parameters()) == 6_624_904
    inception = meta(specification("inception_v3", aux=False))
    assert sum(p.numel() for p in inception.parameters()) == 23_834_568


def test_a_dense_block_grows():
    from hubel.networks.densenet import DenseLayer

    width = 6
    for _ in range(4):
        width = DenseLayer(width, 0, growth=4).c_out
    assert width == 22


def test_residual_learning_adds_up():
    """x_L - x_l is the sum of the branches between, and the gradient is 1 + the rest. Equations 4,
    5.
    """
    torch.manual_seed(0)
    network = create("preresnet110", width=8).double().eval()
    blocks = list(network.stages[0])
    x = torch.randn(2, 16, 8, 8, dtype=torch.float64)
    first = x = blocks[0](x)
    total = torch.zeros_like(x)
    for block in blocks[1:]:
        total = total + block.body(block.entry(x))
        x = block(x)
    torch.testing.assert_close(x - first, total, rtol=0, atol=1e-12)
    start = first.detach().requires_grad_()
    end = start
    for block in blocks[1:]:
        end = block(end)
    cotangent = torch.randn_like(end)
    (whole,) = torch.autograd.grad(end, start, cotangent, retain_graph=True)
    (rest,) = torch.autograd.grad(end - start, start, cotangent)
    torch.testing.assert_close(whole, cotangent + rest, rtol=0, atol=1e-10)


def test_identity_initialization_of_pre_activation_nets():
    network = create("wrn16_4", init="identity").eval()
    x = torch.randn(1, 64, 8, 8)
    assert torch.equal(network.stages[0][1](x), x)


@pytest.mark.parametrize("name", ["resnet20", "repvgg_a0", "mobilenet_v2", "googlenet"])
def test_fused_networks_give_the_same(name):
    torch.manual_seed(0)
    network = create(name, classes=5).eval()
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.uniform_(-0.3, 0.3)
                part.running_var.uniform_(0.5, 2)
                part.weight.uniform_(0.5, 1.5)
                part.bias.uniform_(-0.3, 0.3)
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        before = network(x)
    network.fuse()
    assert not any(isinstance(p, torch.nn.BatchNorm2d) for p in network.stages.modules())
    with torch.inference_mode():
        after = network.fuse()(x)
    assert (after - before).abs().max() < 1e-5 * before.abs().max()


def test_shuffle_groups_are_those_of_the_table():
    with pytest.raises(ValueError, match="table 1 has 1, 2, 3, 4, 8"):
        specification("shufflenet_v1_x1_0_g3", groups=5)
