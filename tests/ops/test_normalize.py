from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess

GREY = Preprocess((4, 4), channels=1)
COLOUR = Preprocess((4, 4), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def test_it_is_the_formula():
    pictures = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    mean, std = (
        torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in (COLOUR.mean, COLOUR.std)
    )
    expected = (pictures.double() / 255 - mean) / std
    found = Normalize(COLOUR)(pictures)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(Normalize(COLOUR)(pictures.float()), found, rtol=0, atol=0)


def test_three_equal_channels_are_the_grey_picture_to_the_bit():
    grey = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    colour = grey.expand(1, 3, 16, 16)
    for preprocess in (GREY, COLOUR):
        a, b = Normalize(preprocess)(grey), Normalize(preprocess)(colour)
        assert a.shape == (1, preprocess.channels, 16, 16)
        assert torch.equal(a, b)


def test_luma_is_pillow_s_before_it_rounds():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    pillow = np.array(Image.fromarray(picture).convert("L"), dtype=np.float64)
    pictures = torch.from_numpy(picture).permute(2, 0, 1)[None]
    luma = Normalize(GREY)(pictures)[0, 0].double().numpy() * 255
    assert np.abs(luma - pillow).max() <= 0.5 + 1e-4


def test_its_constants_are_no_weights():
    assert not Normalize(COLOUR).state_dict()


def test_half_precision_does_not_overflow():
    white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    assert Normalize(GREY).half()(white).sub(1).abs().max() < 1e-2


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4), (1, 4, 4, 3), (1, 2, 4, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="move the channels to the second place"):
        Normalize(COLOUR)(torch.zeros(shape))
