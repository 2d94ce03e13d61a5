"""Heads for segmentation on every family of networks."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from hubel import networks
from hubel.pictures import Preprocess
from hubel.tasks.decoders import HEADS, Bilinear, Cells, even, onto, placed
from hubel.tasks.segment import Segment
from tests import contract

QUICK = contract.smallest()
EVERY = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in networks.names()
]
CLASSES = ("sky", "road", "tree")


def segmenter(name: str, head: str = "unet", **words) -> torch.nn.Module:
    dense = networks.words_of(networks.specification(name).rule).get("head") == "dense"
    network = networks.create(name, **({"head": "gap"} if dense and "lenet" not in name else {}))
    side = contract.side(network)
    preprocess = Preprocess((side, side), channels=network.spec.channels)
    options = {"width": 8} if head in ("unet", "dilated") else {}
    task = Segment(CLASSES, preprocess, head={"name": head, **options, **words})
    return task.around(network)


def pictures(model: torch.nn.Module, *more: int) -> torch.Tensor:
    network = model.backbone
    side = contract.side(network)
    height, width = (side + n for n in (more or (0, 0)))
    return contract.picture(network.spec.channels, height, width, batch=2).float()


@pytest.mark.parametrize("factor", [2, 3, 4, 8, 16])
def test_bilinear_upsampling_begins_exact(factor):
    up = Bilinear(3, factor).double()
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    y, expected = up(x), F.interpolate(x, scale_factor=factor, mode="bilinear")
    assert y.shape == expected.shape
    inner = (..., slice(factor, -factor), slice(factor, -factor))
    exact = 1e-6 if factor == 3 else 1e-14  # thirds are no binary fractions
    torch.testing.assert_close(y[inner], expected[inner], rtol=0, atol=exact)


def test_placed_cuts_and_goes_on():
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert placed(x, 0, (3, 4)) is not None
    assert torch.equal(placed(x, 1, (2, 2)), x[:, :, 1:3, 1:3])
    wide = placed(x, -2, (7, 8))
    assert wide.shape == (1, 1, 7, 8)
    assert torch.equal(wide[:, :, 2:5, 2:6], x)
    assert (wide[0, 0, 0, :3] == 0).all()
    assert (wide[0, 0, -1, -2:] == 11).all()
    assert placed(x, 5, (2, 2)).flatten().tolist() == [11] * 4


@pytest.mark.parametrize(
    ("coarse", "fine"),
    [
        (Cells(4, 7.5), Cells(2, 6.5)),  # LeNet-5, which pads nothing
        (Cells(4, 15.5), Cells(1, 2.0)),
        (Cells(8, 0.0), Cells(4, 0.0)),  # ResNet: centres on centres, half a finer cell apart
        (Cells(32, 0.0), even(4)),
    ],
)
def test_maps_meet_where_their_cells_stand(coarse, fine):
    """A map of its cells' places stays one on any other cells."""
    centres = coarse.offset + coarse.jump * torch.arange(8.0)
    x = centres.expand(1, 1, 8, 8)
    y = onto(x, coarse, fine, (40, 40))[0, 0]
    there = fine.offset + fine.jump * torch.arange(40.0)
    inside = (there >= centres[0]) & (there <= centres[-1])
    assert inside.sum() > 5
    assert (y[:, inside] - there[inside]).abs().max() <= fine.jump / 2 + 1e-4
    assert (y[:, there > centres[-1] + coarse.jump] == centres[-1]).all()


@pytest.mark.parametrize("name", EVERY)
def test_every_network_takes_a_step(name):
    torch.manual_seed(0)
    model = segmenter(name).train()
    x = pictures(model)
    side = x.shape[2]
    targets = (torch.arange(side) * 3 // side).expand(2, side, side)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    scores = F.interpolate(model(x), targets.shape[1:], mode="bilinear")
    F.cross_entropy(scores, targets).backward()
    grads = {key: p.grad for key, p in model.named_parameters()}
    assert not [key for key, grad in grads.items() if grad is None or not grad.isfinite().all()]
    assert not [
        key for key, grad in grads.items() if key.endswith("conv.weight") and not grad.any()
    ]
    torch.nn.utils.clip_grad_norm_(
        model.parameters(), 10
    )  # as the page does: plain110's are enormous
    optimizer.step()
    with torch.inference_mode():
        odd = model.eval()(pictures(model, 5, 14))
    assert odd.isfinite().all()
    assert odd.shape[:2] == (2, 3)


def test_scores_cover_the_picture():
    model = segmenter("resnet18").eval()
    with torch.inference_mode():
        for more, cells in (((0, 0), (32, 32)), ((2, 6), (33, 35)), ((1, 0), (65, 64))):
            assert model(pictures(model, *more)).shape[2:] == cells
        model = segmenter("resnet18", stride=4).eval()
        assert model(pictures(model)).shape[2:] == (16, 16)
        model = segmenter("convnext_tiny", stride=1).eval()
        assert model(pictures(model)).shape[2:] == (64, 64)


@pytest.mark.parametrize("head", [head for head in HEADS if head != "unet"])
@pytest.mark.parametrize("name", ["resnet18", "lenet5", "mobilenet_v3_small", "resnet20"])
def test_every_head(head, name):
    model = segmenter(name, head).train()
    x = pictures(model, 4, 9)
    y = model(x)
    assert y.shape[:2] == (2, 3)
    (y - 1).square().sum().backward()
    if head == "dilated":
        assert all(p.grad.any() for p in model.decoder.parameters() if p.ndim == 4)
    else:
        assert not y.any(), "scores begin at 0"
        count = {"fcn32": 1, "fcn16": 2, "fcn8": 3}[head]
        assert len(model.decoder.scores) == min(count, len(model.backbone.widths))


def test_the_dilated_network_is_the_same_network():
    network = networks.create("resnet18")
    contract.fill(network)
    kept = {key: value.clone() for key, value in network.state_dict().items() if "head" not in key}
    task = Segment(CLASSES, Preprocess((64, 64)), head={"name": "dilated", "width": 8})
    model = task.around(network)
    assert max(model.backbone.widths) == 8
    assert model.backbone.spec.words == {"dilate": 8}
    made = model.backbone.state_dict()
    assert made.keys() == kept.keys()
    assert all(torch.equal(made[key], value) for key, value in kept.items())


@pytest.mark.parametrize(
    "head", ["unet", *(pytest.param(h, marks=pytest.mark.slow) for h in HEADS if h != "unet")]
)
def test_export(head):
    model = segmenter("resnet18", head).eval()
    contract.fill(model)
    x = pictures(model)
    with torch.inference_mode():
        exported = torch.export.export(model, (x,)).module()
        torch.testing.assert_close(exported(x), model(x), rtol=1e-4, atol=1e-4)


def test_what_is_refused():
    with pytest.raises(ValueError, match="did you mean 'unet'"):
        segmenter("resnet18", "unnet")
    with pytest.raises(ValueError, match="option of the head unet"):
        segmenter("resnet18", wide=3)
    task = Segment(CLASSES, Preprocess((64, 64)))
    with pytest.raises(ValueError, match="hubel networks"):
        task.around(torch.nn.Conv2d(3, 3, 1))
