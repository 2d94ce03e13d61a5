"""Every operation gives what Pillow gives; the policies apply them as they were drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from hubel.data import operations
from hubel.data.draws import draws
from hubel.data.policies import USUAL, WIDE, RandAugment, TrivialAugment

SIZE = (23, 20)  # height, width


def affine(matrix):
    def moved(picture, value):
        return picture.transform(picture.size, Image.Transform.AFFINE, matrix(value))

    return moved


PILLOW = {
    "brightness": lambda p, v: ImageEnhance.Brightness(p).enhance(v),
    "contrast": lambda p, v: ImageEnhance.Contrast(p).enhance(v),
    "colour": lambda p, v: ImageEnhance.Color(p).enhance(v),
    "sharpness": lambda p, v: ImageEnhance.Sharpness(p).enhance(v),
    "posterize": lambda p, v: ImageOps.posterize(p, int(v)),
    "solarize": ImageOps.solarize,
    "autocontrast": lambda p, v: ImageOps.autocontrast(p),
    "equalize": lambda p, v: ImageOps.equalize(p),
    "rotate": lambda p, v: p.rotate(v),
    "shear_x": affine(lambda v: (1, v, 0, 0, 1, 0)),
    "shear_y": affine(lambda v: (1, 0, 0, v, 1, 0)),
    "translate_x": affine(lambda v: (1, 0, v, 0, 1, 0)),
    "translate_y": affine(lambda v: (1, 0, 0, 0, 1, v)),
}
FACTORS = (0.0, 0.01, 0.31, 0.77, 1.0, 1.4, 1.99)
VALUES = {
    **dict.fromkeys(("brightness", "contrast", "colour", "sharpness"), FACTORS),
    "posterize": tuple(range(1, 9)),
    "solarize": (0.0, 1.0, 128.0, 200.5, 256.0),
    **dict.fromkeys(("autocontrast", "equalize"), (0.0,) * 6),
    "rotate": (-135.0, -20.3, 0.0, 7.1, 90.0, 135.0),
    **dict.fromkeys(("shear_x", "shear_y"), (-0.99, -0.2, 0.0, 0.31, 0.99)),
    **dict.fromkeys(("translate_x", "translate_y"), (-32.0, -3.2, 0.0, 0.7, 5.0, 32.0)),
}


def drawn(n: int, channels: int, seed: int) -> np.ndarray:
    """Random pictures, flat ones and ones of few values among them: uint8 (N, C, H, W)."""
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 256, (n, channels, *SIZE), np.uint8)
    x[1::3] = x[1::3] // 9 + 100
    x[2::5] = 77
    return x


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", PILLOW)
def test_as_pillow_does_it(name, channels):
    values = np.array(VALUES[name], np.float64)
    for seed in range(5):
        x = drawn(len(values), channels, seed)
        before = x.copy()
        out = getattr(operations, name)(x, values)
        assert out.dtype == np.uint8
        assert (x == before).all()
        for picture, value, found in zip(x, values, out):
            given = Image.fromarray(picture.transpose(1, 2, 0).squeeze())
            wanted = np.asarray(PILLOW[name](given, float(value)))
            wanted = wanted.reshape(*SIZE, channels).transpose(2, 0, 1)
            # Pillow turns and shears in steps of 1/65536 of a pixel: a nearest one may differ.
            allowed = 0.01 if name in ("rotate", "shear_x", "shear_y") else 0.0
            assert (found != wanted).mean() <= allowed, (value, seed)


@pytest.mark.parametrize("space", [WIDE, USUAL])
def test_no_strength_changes_nothing(space):
    x = drawn(4, 3, 0)
    none, sign = np.zeros(4), np.array([-1.0, 1.0, -1.0, 1.0])
    for operation, value in space:
        if operation not in (None, operations.autocontrast, operations.equalize):
            assert (operation(x, value(none, sign, 23)) == x).all(), operation.__name__


def test_trivial_augment_takes_every_operation_about_as_often():
    x = torch.from_numpy(drawn(1, 3, 0)).expand(2000, -1, -1, -1)
    u = draws(0, 0, np.arange(2000), 3)
    out = TrivialAugment()(x, u)
    chosen = (u[:, 0] * 14).astype(int)
    assert np.bincount(chosen, minlength=14).min() > 100
    assert torch.equal(out[chosen == 0], x[chosen == 0])
    strength = np.floor(u[:, 1] * 31) / 30
    turned = np.flatnonzero(chosen == 3)[:5]
    signs = np.where(u[turned, 2] < 0.5, -1, 1)
    wanted = operations.rotate(x.numpy()[turned], 135 * strength[turned] * signs)
    assert (out.numpy()[turned] == wanted).all()


def test_rand_augment_applies_one_operation_after_the_other():
    x = drawn(1, 3, 0)
    u = np.array([[8.5 / 14, 0.9, 6.5 / 14, 0.0]])  # brightness up, then posterize
    out = RandAugment(2, 15)(torch.from_numpy(x), u).numpy()
    brighter = operations.brightness(x, np.array([1.45]))
    assert (out == operations.posterize(brighter, np.array([6.0]))).all()


def test_impossible_words_are_refused():
    with pytest.raises(ValueError, match=r"randaugment: count=0"):
        RandAugment(count=0)
    with pytest.raises(ValueError, match=r"randaugment: strength=31"):
        RandAugment(strength=31)
