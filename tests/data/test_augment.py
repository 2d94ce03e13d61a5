"""Each step does what it says, to the pictures it is told to, by the numbers it is given."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hubel.data.augment import (
    STEPS,
    Affine,
    Brightness,
    Contrast,
    Crop,
    Cut,
    Elastic,
    Erase,
    Flip,
    Lighting,
    Mirror,
    Mosaic,
    Paste,
    Place,
    RandAugment,
    Shift,
    TrivialAugment,
    Turn,
    apply,
    from_dict,
    to_dict,
)
from hubel.data.draws import draws

EVERY = (
    Mirror(),
    Flip(),
    Cut((10, 12)),
    Shift(3, fill=7),
    Affine(rotate=20, scale=0.2, squeeze=0.1, shear=10, shift=0.1, fill="mean"),
    Elastic(1.5, cells=4),
    Crop((10, 12)),
    Erase(5),
    Brightness(0.4),
    Contrast(0.4),
    Lighting(),
    TrivialAugment(),
    RandAugment(3, 12),
)


def pictures(n=6, c=3, h=14, w=16, seed=0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, c, h, w), generator=generator, dtype=torch.uint8)


def u(step, n=6) -> np.ndarray:
    return draws(0, 0, np.arange(n), step.draws)


def middle(step, n=6) -> np.ndarray:
    """The numbers that stand for no change, where 0.5 is the centre of a range."""
    return np.full((n, step.draws), 0.5)


def test_every_step_is_tested():
    moving = {Turn, Place, Mosaic, Paste}  # test_moving.py
    assert {type(step) for step in EVERY} | moving == set(STEPS.values())


@pytest.mark.parametrize("step", EVERY, ids=lambda step: type(step).__name__)
class TestAnyStep:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
    def test_shape_range_and_input_untouched(self, step, channels, kind):
        given_ = pictures(c=channels).to(kind)
        kept = given_.clone()
        out = step(given_, u(step))
        size = getattr(step, "size", (14, 16))
        assert out.shape == (6, channels, *size)
        assert out.dtype in (torch.uint8, torch.float32)
        assert out.min() >= 0
        assert out.max() <= 255
        assert torch.equal(given_, kept)

    def test_each_picture_on_its_own(self, step):
        together = step(pictures(), u(step))
        for i in range(6):
            alone = step(pictures()[i : i + 1], u(step)[i : i + 1])
            torch.testing.assert_close(alone[0], together[i], atol=1e-3, rtol=0)

    def test_threads_do_not_matter(self, step):
        many = pictures(64, 3, 64, 64)
        many = many if not hasattr(step, "size") else many[:, :, :40, :40]
        results = []
        before = torch.get_num_threads()
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(step(many, u(step, 64)))
        torch.set_num_threads(before)
        assert torch.equal(results[0], results[1])
        assert torch.equal(results[0], results[2])

    def test_words_there_and_back(self, step):
        words = json.loads(json.dumps(to_dict([step])))
        assert from_dict(words) == (step,)
        assert hash(step) == hash(from_dict(words)[0])

    def test_it_changes_something(self, step):
        out = step(pictures(), u(step)).float()
        if out.shape == pictures().shape:
            assert not torch.equal(out, pictures().float())


def test_mirror():
    out = Mirror()(pictures(2), np.array([[0.49], [0.5]]))
    assert torch.equal(out[0], pictures(2)[0].flip(2))
    assert torch.equal(out[1], pictures(2)[1])


def test_cut():
    out = Cut((10, 12))(pictures(2), np.array([[0, 0.999], [0.999, 0.3]]))
    assert torch.equal(out[0], pictures(2)[0, :, :10, 4:16])
    assert torch.equal(out[1], pictures(2)[1, :, 4:14, 1:13])
    with pytest.raises(
        ValueError, match=r"cut=\(20, 12\) from pictures of \(14, 16\); it must fit"
    ):
        Cut((20, 12))(pictures(2), np.zeros((2, 2)))


def test_every_cut_is_as_likely():
    n = 5000
    many = torch.arange(25, dtype=torch.uint8).view(1, 1, 5, 5).expand(n, 1, 5, 5)
    counts = torch.bincount(Cut((1, 1))(many, draws(0, 0, np.arange(n), 2)).view(-1).long())
    assert len(counts) == 25
    assert counts.min() > 140  # 200 expected, 14 of deviation


def test_shift():
    out = Shift(3, fill=7)(pictures(3), np.array([[0, 0], [0.5, 0.5], [0.999, 0.6]]))
    assert torch.equal(out[0, :, 3:, 3:], pictures(3)[0, :, :-3, :-3])
    assert (out[0, :, :3] == 7).all()
    assert (out[0, :, :, :3] == 7).all()
    assert torch.equal(out[1], pictures(3)[1])
    assert torch.equal(out[2, :, :-3, :-1], pictures(3)[2, :, 3:, 1:])


def test_fill_with_the_pictures_own_mean():
    flat = torch.tensor([[10, 20, 30], [200, 100, 50]], dtype=torch.uint8)[:, :, None, None]
    flat = flat.expand(2, 3, 14, 16)
    for step in (
        Shift(5, "mean"),
        Affine(rotate=40, fill="mean"),
        Erase(5),
        Elastic(3, fill="mean"),
    ):
        torch.testing.assert_close(step(flat, u(step, 2)).float(), flat.float(), atol=1e-3, rtol=0)


class TestAffine:
    def values(self, n=2, **u_) -> np.ndarray:
        names = ("rotate", "scale", "squeeze", "shear", "shift_x", "shift_y")
        return np.array([[u_.get(name, 0.5) for name in names]] * n)

    def test_the_middle_changes_nothing(self):
        step = Affine(rotate=30, scale=0.5, squeeze=0.5, shear=20, shift=0.3)
        out = step(pictures(), middle(step))
        torch.testing.assert_close(out, pictures().float(), atol=2e-3, rtol=0)

    def test_a_quarter_turn(self):
        square = pictures(2, 3, 15, 15)
        out = Affine(rotate=90)(square, self.values(rotate=1.0))
        turned = torch.rot90(square, -1, (2, 3)).float()  # clockwise, as y points down
        torch.testing.assert_close(out, turned, atol=0.1, rtol=0)

    def test_a_shift_of_whole_pixels(self):
        out = Affine(shift=0.25)(pictures(2, h=16, w=16), self.values(shift_x=1.0, shift_y=0.0))
        expected = pictures(2, h=16, w=16)[:, :, 4:, :-4].float()
        torch.testing.assert_close(out[:, :, :-4, 4:], expected, atol=2e-3, rtol=0)
        assert (out[:, :, -3:] == 0).all()

    def blob(self) -> torch.Tensor:
        """A soft spot, of which moments can be taken."""
        y, x = np.mgrid[:41, :61]
        spot = 250 * np.exp(-((x - 30) ** 2 + (y - 20) ** 2) / (2 * 4.0**2))
        return torch.from_numpy(spot.astype(np.float32))[None, None]

    def spread(self, picture: torch.Tensor) -> np.ndarray:
        weights = picture[0, 0].numpy().astype(float)
        y, x = np.mgrid[: weights.shape[0], : weights.shape[1]]
        return np.cov(np.stack([x.ravel(), y.ravel()]), aweights=weights.ravel())

    def test_scale_squeeze_and_shear_by_their_amounts(self):
        spot = self.blob()
        out = Affine(scale=0.5)(spot, self.values(1, scale=1.0))
        np.testing.assert_allclose(np.diag(self.spread(out)), 16 * 1.5**2, rtol=0.03)
        out = Affine(squeeze=0.5)(spot, self.values(1, squeeze=1.0))
        np.testing.assert_allclose(np.diag(self.spread(out)), [16 * 1.5**2, 16 / 1.5**2], rtol=0.05)
        out = Affine(shear=45)(spot, self.values(1, shear=1.0))
        np.testing.assert_allclose(self.spread(out), [[32, 16], [16, 16]], rtol=0.05)

    def test_turning_keeps_shapes_where_the_picture_is_not_square(self):
        out = Affine(rotate=45)(self.blob(), self.values(1, rotate=1.0))
        np.testing.assert_allclose(self.spread(out), [[16, 0], [0, 16]], atol=0.6)


def test_elastic_bends_within_its_limit():
    ramp = torch.arange(40.0)[None, None, None, :].expand(3, 1, 40, 40).contiguous()
    step = Elastic(2.0, cells=5)
    inner = (step(ramp, u(step, 3)) - ramp)[:, :, 5:-5, 5:-5].abs()
    assert 0.5 < inner.max() < 2 * 1.6  # cubic interpolation overshoots a little
    torch.testing.assert_close(step(ramp, middle(step, 3)), ramp, atol=1e-3, rtol=0)


class TestCrop:
    def test_the_whole_picture(self):
        step = Crop((14, 16), area=(1, 1), aspect=(1, 1))
        square = pictures(2, h=16, w=16)
        step = Crop((16, 16), area=(1, 1), aspect=(1, 1))
        torch.testing.assert_close(step(square, u(step, 2)), square.float(), atol=2e-3, rtol=0)

    def test_area_and_place(self):
        """A window of a quarter of the area, at its extreme places."""
        ramp = torch.stack([torch.arange(64.0).expand(64, 64), torch.arange(64.0).expand(64, 64).T])
        step = Crop((32, 32), area=(0.25, 0.25), aspect=(1, 1))
        places = np.array([[0.5, 0.5, 0.0, 1.0 - 1e-9], [0.5, 0.5, 0.5, 0.5]])
        out = step(ramp.expand(2, 2, 64, 64), places)
        near = {"atol": 0.02, "rtol": 0}
        torch.testing.assert_close(out[0, 0, 0], torch.arange(32.0), **near)
        torch.testing.assert_close(out[0, 1, :, 0], torch.arange(32.0) + 32, **near)
        torch.testing.assert_close(out[1, 0, 0], torch.arange(32.0) + 16, **near)

    def test_aspect(self):
        """Twice as wide as high: a ramp is crossed twice as fast."""
        ramp = torch.arange(64.0).expand(1, 1, 64, 64)
        step = Crop((32, 32), area=(0.125, 0.125), aspect=(2, 2))
        out = step(ramp, np.full((1, 4), 0.5))
        assert float(out[0, 0, 0, -1] - out[0, 0, 0, 0]) == pytest.approx(31, abs=0.1)

    @settings(deadline=None)
    @given(st.integers(0, 1000), st.integers(8, 40), st.integers(8, 40))
    def test_it_stays_within_the_picture(self, seed, h, w):
        ramp = torch.arange(float(w)).expand(4, 1, h, w)
        step = Crop((7, 9), area=(0.01, 1), aspect=(0.2, 5))
        out = step(ramp, draws(seed, 0, np.arange(4), 4))
        assert out.min() >= 0
        assert out.max() <= w - 1 + 1e-3
        rising = out.diff(dim=3)
        assert rising.min() > -1e-3

    def test_much_smaller_is_antialiased(self):
        stripes = torch.tensor([0, 255], dtype=torch.uint8).repeat(1, 1, 64, 32)
        step = Crop((16, 16), area=(0.9, 1))
        assert step(stripes, u(step, 1))[:, :, :, 1:-1].std() < 45  # 127 without


class TestCropOfSinglePictures:
    def photographs(self) -> list[np.ndarray]:
        random = np.random.default_rng(0)
        coarse = [random.integers(0, 256, (5, 6, 3), np.uint8) for _ in range(6)]
        sizes = [(60, 90), (33, 80), (200, 30), (64, 64), (41, 42), (90, 300)]
        return [np.array(Image.fromarray(c).resize(s, 3)) for c, s in zip(coarse, sizes)]

    def test_all_of_it_is_what_pillow_resizes(self):
        pictures = self.photographs()
        step = Crop((24, 32), area=(1, 1), aspect=(1e-3, 1e3))
        u = np.zeros((6, 4))
        ratios = [picture.shape[1] / picture.shape[0] for picture in pictures]
        u[:, 1] = (np.log(ratios) - np.log(1e-3)) / (np.log(1e3) - np.log(1e-3))
        out = step(pictures, u)
        assert out.shape == (6, 3, 24, 32)
        assert out.dtype == torch.uint8
        assert out.is_contiguous(memory_format=torch.channels_last)
        for made, picture in zip(out, pictures):
            expected = np.asarray(Image.fromarray(picture).resize((32, 24), Image.BILINEAR))
            apart = made.permute(1, 2, 0).numpy().astype(int) - expected
            assert np.abs(apart).max() <= 1  # the last rounding

    def test_windows_keep_to_area_aspect_and_picture(self):
        ramp = np.arange(120, dtype=np.uint8)
        rows, columns = (np.broadcast_to(a, (120, 120)) for a in (ramp[:, None], ramp))
        picture = np.stack([rows, columns, np.zeros_like(rows)], axis=2)
        step = Crop((40, 40), area=(0.1, 0.6), aspect=(0.5, 2))
        n = 300
        u = np.random.default_rng(1).random((n, 4))
        out = step([picture] * n, u).double()
        tall = (out[:, 0].amax((1, 2)) - out[:, 0].amin((1, 2))).numpy()
        wide = (out[:, 1].amax((1, 2)) - out[:, 1].amin((1, 2))).numpy()
        share = tall * wide / 120**2
        assert 0.07 < share.min() < 0.13
        assert 0.5 < share.max() < 0.63
        assert (wide / tall).min() > 0.45
        assert (wide / tall).max() < 2.25
        assert out[:, 0].amin() <= 2
        assert out[:, 0].amax() >= 117  # the borders are reached

    def test_each_by_itself(self):
        pictures, u = self.photographs(), np.random.default_rng(2).random((6, 4))
        step = Crop((16, 16), area=(0.08, 1))
        whole = step(pictures, u)
        for i in range(6):
            assert torch.equal(step(pictures[i : i + 1], u[i : i + 1])[0], whole[i])

    def test_grey(self):
        pictures = [picture[:, :, :1] for picture in self.photographs()]
        assert Crop((8, 9))(pictures, np.full((6, 4), 0.5)).shape == (6, 1, 8, 9)


def test_mirror_of_large_pictures():
    pictures = torch.randint(0, 256, (4, 3, 120, 130), dtype=torch.uint8)
    u = np.array([[0.4], [0.6], [0.1], [0.9]])
    for layout in (torch.contiguous_format, torch.channels_last):
        out = Mirror()(pictures.contiguous(memory_format=layout), u)
        assert torch.equal(out[::2], pictures[::2].flip(3))
        assert torch.equal(out[1::2], pictures[1::2])


def test_erase():
    out = Erase(4, fill=9)(pictures(2), np.array([[0.5, 0.5], [0.0, 0.999]]))
    expected = pictures(2).clone()
    expected[0, :, 5:9, 6:10] = 9
    expected[1, :, 0:2, 13:] = 9
    assert torch.equal(out, expected)


def test_brightness_and_contrast():
    flat = torch.full((2, 3, 4, 4), 100, dtype=torch.uint8)
    ends = np.array([[0.0], [1.0]])
    out = Brightness(0.5)(flat, ends)
    torch.testing.assert_close(out.mean((1, 2, 3)), torch.tensor([50.0, 150.0]))
    out = Contrast(0.5)(flat, ends)
    torch.testing.assert_close(out, flat.float())
    flat[:, :, 0] = 140  # mean 110
    out = Contrast(0.5)(flat, ends)[:, 0, :2, 0]
    torch.testing.assert_close(out, torch.tensor([[125.0, 105.0], [155.0, 95.0]]))


def test_lighting_is_normal_with_imagenets_covariance():
    n = 20_000
    flat = torch.full((n, 3, 1, 1), 128.0)
    step = Lighting(0.1)
    change = (step(flat, draws(0, 0, np.arange(n), 4)) - 128)[:, :, 0, 0].numpy() / 25.5
    from hubel.data.colour import COMPONENTS, SPREAD

    expected = COMPONENTS @ np.diag(SPREAD**2) @ COMPONENTS.T
    np.testing.assert_allclose(np.cov(change.T), expected, atol=0.002)
    assert np.abs(change.mean(axis=0)).max() < 0.006
    along = change @ COMPONENTS[:, 0] / SPREAD[0]
    assert np.mean(along**4) == pytest.approx(3, abs=0.25)  # as normal numbers have it


class TestAugment:
    def test_each_step_gets_its_own_numbers(self):
        indices = np.array([5, 3])
        numbers = draws(1, 2, indices, 3)
        expected = Shift(2)(Mirror()(pictures(2), numbers[:, :1]), numbers[:, 1:])
        assert torch.equal(apply((Mirror(), Shift(2)), pictures(2), 1, 2, indices), expected)

    @settings(deadline=None)
    @given(st.permutations(range(6)), st.integers(0, 100), st.integers(0, 2**40))
    def test_a_function_of_seed_epoch_and_index(self, places, epoch, seed):
        steps = (Mirror(), Shift(2), Erase(3))
        whole = apply(steps, pictures(), seed, epoch, np.arange(6))
        mixed = apply(steps, pictures()[places], seed, epoch, np.array(places))
        assert torch.equal(mixed, whole[places])

    def test_epochs_differ(self):
        first, second = (
            apply((Shift(4),), pictures(), 0, epoch, np.arange(6)) for epoch in range(2)
        )
        assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"name": "miror"}, "unknown augmentation 'miror'; did you mean 'mirror'"),
        ({"pixels": 3}, "unknown augmentation 'None'"),
        ({"name": "shift", "pixel": 3}, "unknown word of shift 'pixel'; did you mean 'pixels'"),
        ({"name": "shift"}, "augmentation shift: pixels is missing"),
        ({"name": "shift", "pixels": "4"}, r"shift: pixels='4'; it is a whole number in 0\.\."),
        ({"name": "shift", "pixels": 1.5}, r"shift: pixels=1\.5; it is a whole number"),
        ({"name": "shift", "pixels": -1}, "shift: pixels=-1"),
        ({"name": "shift", "pixels": 1, "fill": "edge"}, "fill='edge'; .* 0..255 or 'mean'"),
        ({"name": "affine", "rotate": 400}, r"affine: rotate=400; it is a number in 0\.\.180"),
        ({"name": "affine", "scale": float("nan")}, "affine: scale=nan"),
        ({"name": "cut", "size": 32}, r"cut: size=32; it is \(height, width\)"),
        ({"name": "crop", "size": [32, 0]}, "crop: size=0; it is a whole number"),
        ({"name": "crop", "size": [32, 32], "area": [0.5, 0.1]}, r"crop: area=.*\(least, most\)"),
        ({"name": "crop", "size": [32, 32], "area": [0.1, 2]}, "crop: area=2"),
        ({"name": "crop", "size": [32, 32], "aspect": 1}, "crop: aspect=1"),
        ({"name": "erase", "side": 0}, "erase: side=0"),
        ({"name": "brightness", "amount": True}, "brightness: amount=True"),
        ({"name": "contrast", "amount": 2}, "contrast: amount=2"),
        ({"name": "lighting", "sigma": "x"}, "lighting: sigma='x'"),
        ({"name": "elastic", "pixels": 1, "cells": 1}, "elastic: cells=1"),
        ({"name": "elastic", "pixels": 1, "cells": 2.5}, r"elastic: cells=2\.5"),
    ],
)
def test_impossible_words(words, message):
    with pytest.raises(ValueError, match=message):
        from_dict([words])


def test_mirror_alternates_from_epoch_to_epoch():
    pictures = torch.arange(40 * 4, dtype=torch.uint8).reshape(40, 1, 2, 2)
    steps, indices = (Brightness(0.1), Mirror(alternate=True)), np.arange(40)
    bright = [apply(steps[:1], pictures, 1, epoch, indices) for epoch in range(3)]
    first, second, third = (apply(steps, pictures, 1, epoch, indices) for epoch in range(3))
    turned = (first != bright[0]).flatten(1).any(1)
    assert 10 < int(turned.sum()) < 30
    assert torch.equal((second != bright[1]).flatten(1).any(1), ~turned)
    assert torch.equal((third != bright[2]).flatten(1).any(1), turned)


def test_shift_reflects():
    line = torch.arange(4, dtype=torch.uint8).reshape(1, 1, 1, 4).expand(1, 1, 4, 4)
    left, right = (Shift(2, fill="reflect")(line, np.array([[0.5, u]])) for u in (0.0, 0.99))
    assert left[0, 0, 0].tolist() == [2, 1, 0, 1]
    assert right[0, 0, 0].tolist() == [2, 3, 2, 1]
    with pytest.raises(ValueError, match="fill='reflect'; it must be less"):
        Shift(4, fill="reflect")(line, np.array([[0.5, 0.5]]))
