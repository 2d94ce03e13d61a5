"""Every network for super-resolution: its size, its sizes, and how far it sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hubel.runtime.decode.upscale import bicubic, tiled
from hubel.tasks.upscalers import SCALES, UPSCALERS, Bicubic, create, reach

PUBLISHED = {
    ("srcnn", 2, 1): 57_281,  # 9-5-5, with 128 biases and the last one; the paper counts 57,184
    ("fsrcnn", 3, 1): 12_809,  # the paper counts 12,464 weights: 345 biases and slopes besides
    ("espcn", 3, 1): 22_729,
    ("vdsr", 2, 1): 665_921,  # 665 k
    ("edsr_baseline", 2, 3): 1_369_859,  # the released models
    ("edsr_baseline", 4, 3): 1_517_571,
}
SMALL = {"vdsr": {"depth": 4, "width": 8}, "edsr_baseline": {"depth": 2, "width": 8}}


def made(name: str, scale: int, channels: int = 1) -> torch.nn.Module:
    torch.manual_seed(0)
    return create(name, scale=scale, channels=channels, **SMALL.get(name, {}))


@pytest.mark.parametrize(("name", "scale", "channels"), PUBLISHED)
def test_parameters_are_the_published_ones(name, scale, channels):
    with torch.device("meta"):
        network = create(name, scale=scale, channels=channels)
    count = sum(p.numel() for p in network.parameters())
    assert count == PUBLISHED[name, scale, channels]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", UPSCALERS)
def test_any_size_grows_by_the_scale(name, scale):
    for channels in (1, 3):
        network = made(name, scale, channels)
        pictures = torch.randn(2, channels, 7, 10)
        assert network(pictures).shape == (2, channels, 7 * scale, 10 * scale)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", UPSCALERS)
def test_reach_is_as_far_as_gradients_go(name, scale):
    network = made(name, scale)
    far = reach(network, 1)
    side = 2 * far + 5
    pictures = torch.rand(1, 1, side, side, requires_grad=True)
    middle = side // 2
    cells = slice(scale * middle, scale * middle + scale)
    network(pictures)[:, :, cells, cells].abs().sum().backward()
    seen = pictures.grad[0, 0].nonzero()
    # Counted in full cells after every layer, so it may be up to two too many.
    assert far - 2 <= int((seen - middle).abs().max()) <= far


@pytest.mark.parametrize("name", UPSCALERS)
def test_tiles_leave_no_seams(name):
    network = made(name, 2)
    far = reach(network, 1)
    picture = np.random.default_rng(0).integers(0, 256, (70, 50, 3), dtype=np.uint8)

    def run(pictures):
        with torch.no_grad():
            x = torch.from_numpy(pictures).permute(0, 3, 1, 2)[:, :1] / 255
            return network(x).numpy()

    whole = tiled(run, picture, margin=far)
    parts = tiled(run, picture, margin=far, tile=33)
    assert np.abs(whole - parts).max() <= 1e-5 * max(1, np.abs(whole).max())


@pytest.mark.parametrize("scale", SCALES)
def test_the_bicubic_layer_is_pillows(scale):
    picture = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    x = torch.from_numpy(picture).permute(2, 0, 1)[None]
    layer = Bicubic(scale)(x)[0].permute(1, 2, 0).numpy()
    inner = slice(3 * scale, -3 * scale)  # at the borders Pillow cuts the filter off
    assert np.abs(layer - bicubic(picture, (20 * scale, 24 * scale)))[inner, inner].max() < 1e-3


def test_the_bicubic_layer_stays_exact_in_bf16():
    pixels = torch.full((1, 1, 8, 8), 201.0)
    with torch.autocast("cpu", torch.bfloat16):
        found = Bicubic(2)(pixels)
    assert found.dtype == torch.float32
    assert torch.allclose(found, torch.tensor(201.0), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("espnc", {}, "did you mean 'espcn'"),
        ("espcn", {"depth": 3}, "option of the network for upscale espcn"),
        ("vdsr", {"depth": 0}, "such as depth=20"),
        ("espcn", {"width": 1.5}, "such as width=64"),
        ("espcn", {"act": "rleu"}, "relu"),
    ],
)
def test_what_makes_no_sense_is_answered(name, words, message):
    with pytest.raises(ValueError, match=message):
        create(name, **{"scale": 2, "channels": 1, **words})
