"""Tiles without seams, and the picture that comes of a network's values."""

from __future__ import annotations

import numpy as np
import pytest

from hubel.pictures import Preprocess
from hubel.runtime.decode.upscale import bicubic, decode, self_ensemble, tiled, whole

GREY = Preprocess((48, 48), channels=1, mean=(0.5,), std=(0.25,))
COLOUR = Preprocess((48, 48))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A smooth, coloured picture with noise, uint8 (61, 50, 3)."""
    rows, columns = np.mgrid[:61, :50]
    waves = [np.sin(rows / 7 + k) * np.cos(columns / (5 + k)) for k in range(3)]
    noise = np.random.default_rng(0).normal(0, 8, (61, 50, 3))
    return (np.stack(waves, 2) * 80 + 128 + noise).clip(0, 255).astype(np.uint8)


def blurred(pictures: np.ndarray) -> np.ndarray:
    """A network that sees 2 pixels far, pads with zeros, and doubles: -> (N, 1, 2H, 2W)."""
    grey = np.pad(pictures.mean(axis=3) / 255, ((0, 0), (2, 2), (2, 2)))
    height, width = pictures.shape[1:3]
    total = sum(
        (u + 2 * v + 1) * grey[:, u : u + height, v : v + width] for u in range(5) for v in range(5)
    )
    return (total / 175).repeat(2, 1).repeat(2, 2)[:, None].astype(np.float32)


@pytest.mark.parametrize("tile", [1, 7, 30, 50, 60, 61])
def test_tiles_of_any_size_give_the_same_values(picture, tile):
    whole = tiled(blurred, picture, margin=2)
    assert whole.shape == (1, 122, 100)
    assert np.array_equal(whole, tiled(blurred, picture, margin=2, tile=tile))


def test_only_the_borders_differ_from_padding_with_zeros(picture):
    whole = tiled(blurred, picture, margin=2)
    plain = blurred(picture[None])[0]
    assert np.array_equal(whole[:, 4:-4, 4:-4], plain[:, 4:-4, 4:-4])
    assert not np.array_equal(whole, plain)


def test_a_margin_that_is_too_small_shows_seams(picture):
    one, other = (tiled(blurred, picture, margin=1, tile=tile) for tile in (61, 20))
    assert not np.array_equal(one, other)


def test_large_pictures_go_through_in_tiles_of_one_size():
    picture = np.zeros((300, 600, 3), np.uint8)
    seen = []

    def run(pictures):
        seen.append(pictures.shape)
        return blurred(pictures)

    assert tiled(run, picture, margin=2).shape == (1, 600, 1200)
    assert seen == [(1, 154, 204, 3)] * 6
    assert tiled(run, picture[:1, :3], margin=2).shape == (1, 2, 6)


def test_a_picture_is_enlarged_the_whole_way(picture):
    made = whole(lambda seen: [blurred(seen)], picture, GREY, margin=2)
    assert made.pixels.shape == (122, 100, 3)
    assert made.pixels.dtype == np.uint8
    assert made.told(()) == "100 x 122 pixels"
    assert made.to_dict(()) == {"width": 100, "height": 122}
    assert made.drawn(picture, ()) is made.pixels
    for margin in (-1, 2.5, 10**9):
        with pytest.raises(ValueError, match="0 to 1000 whole pixels"):
            whole(lambda seen: [blurred(seen)], picture, GREY, margin=margin)


def test_values_are_pixels_in_the_units_of_the_preprocessing():
    values = np.array([-2.0, 0.0, 1.0, 2.0, 9.0], np.float32).reshape(1, 1, 5)
    made = decode(values, GREY, np.full((1, 1, 3), 50, np.uint8))
    assert made.dtype == np.uint8
    assert made[0, :, 0].tolist() == [0, 128, 191, 255, 255]  # 255 (x / 4 + 1 / 2), cut off
    assert (made == made[:, :, :1]).all()  # grey stays grey


def test_colours_of_a_network_for_luma_are_the_bicubic_ones(picture):
    coarse = bicubic(picture, (122, 100))
    y = coarse @ np.array([0.299, 0.587, 0.114], np.float32)
    values = ((y / 255 - 0.5) / 0.25)[None]
    made = decode(values, GREY, picture)
    assert np.abs(made - coarse.clip(0, 255)).max() <= 0.51
    brighter = decode(values + 0.2, GREY, picture).astype(float)
    inside = (brighter < 255).all(axis=2) & (brighter > 0).all(axis=2)
    assert np.abs((brighter - coarse)[inside] - 0.2 * 0.25 * 255).max() <= 0.51


def test_three_channels_are_the_picture_itself(picture):
    values = (picture / 255).transpose(2, 0, 1).astype(np.float32)
    assert np.array_equal(decode(values, COLOUR, picture[:30, :25]), picture)


def test_broken_values_are_refused(picture):
    values = np.full((1, 122, 100), np.nan, np.float32)
    with pytest.raises(ValueError, match="weights are broken"):
        decode(values, GREY, picture)


def test_the_ensemble_is_the_mean_over_turns_and_mirrors(picture):
    turned = np.rot90(picture).copy()
    one, other = (self_ensemble(blurred)(x[None])[0] for x in (picture, turned))
    assert np.allclose(np.rot90(one, axes=(1, 2)), other, atol=1e-6)
    single = blurred(picture[None])[0]
    assert not np.allclose(np.rot90(single, axes=(1, 2)), blurred(turned[None])[0], atol=1e-3)
    even = self_ensemble(lambda pictures: np.ones((1, 1, *pictures.shape[1:3]), np.float32))
    assert np.array_equal(even(picture[None]), np.ones((1, 1, 61, 50), np.float32))
