"""PSNR and SSIM as super-resolution counts them, against definitions and published figures."""

from __future__ import annotations

import numpy as np
import pytest

from hubel.pictures import read_picture
from hubel.pictures.preprocess import resize
from hubel.runtime.decode.upscale import bicubic
from hubel.tasks.fidelity import EXACT, luma, psnr, ssim

BICUBIC = {2: (33.66, 0.9299), 3: (30.39, 0.8682), 4: (28.42, 0.8104)}
"""Set5, as the papers print it: Kim et al. 2016 (arXiv 1511.04587), table 3."""


@pytest.fixture(scope="module")
def set5(data) -> list[np.ndarray]:
    files = sorted((data / "superres" / "Set5").glob("*.png"))
    if len(files) != 5:
        pytest.skip("HUBEL_DATA has no superres/Set5")
    return [read_picture(file) for file in files]


def cut(picture: np.ndarray, scale: int) -> np.ndarray:
    height, width = (n // scale * scale for n in picture.shape[:2])
    return picture[:height, :width]


@pytest.mark.parametrize("scale", BICUBIC)
def test_bicubic_has_the_published_scores(set5, scale):
    scores = []
    for truth in (cut(picture, scale) for picture in set5):
        height, width = truth.shape[:2]
        small = resize(truth, (height // scale, width // scale), "bicubic")
        made = np.rint(bicubic(small, (height, width))).clip(0, 255).astype(np.uint8)
        scores.append((psnr(made, truth, scale), ssim(made, truth, scale)))
    found, (db, similarity) = np.mean(scores, axis=0), BICUBIC[scale]
    assert abs(found[0] - db) <= 0.05
    assert abs(found[1] - similarity) <= 0.002


def kernel(x: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -0.5."""
    x = np.abs(x)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))


def weights(size: int, made: int) -> np.ndarray:
    """(made, size): the filter of MATLAB's imresize, wider where the picture shrinks, the picture
    continued by its mirror image.
    """
    narrow = min(1.0, made / size)
    centre = (np.arange(made) + 0.5) * size / made - 0.5
    reach = int(np.ceil(2 / narrow)) + 1
    at = np.floor(centre).astype(int)[:, None] + np.arange(-reach, reach + 1)
    w = kernel(narrow * (centre[:, None] - at))
    w /= w.sum(axis=1, keepdims=True)
    at = at % (2 * size)
    at = np.where(at >= size, 2 * size - 1 - at, at)
    matrix = np.zeros((made, size))
    np.add.at(matrix, (np.arange(made)[:, None], at), w)
    return matrix


@pytest.mark.parametrize("scale", BICUBIC)
def test_the_filter_is_that_of_matlab(set5, scale):
    truth = cut(set5[2], scale)
    height, width = truth.shape[:2]
    down, across = weights(height, height // scale), weights(width, width // scale)
    expected = np.einsum("ij,jkc,lk->ilc", down, truth, across, optimize=True)
    small = resize(truth, (height // scale, width // scale), "bicubic")
    inner = (slice(4, -4), slice(4, -4))
    # Two roundings to 8 bits: one for each direction.
    assert np.abs(small.astype(float) - expected.clip(0, 255))[inner].max() < 1.5
    up, wide = weights(height // scale, height), weights(width // scale, width)
    expected = np.einsum("ij,jkc,lk->ilc", up, small.astype(float), wide, optimize=True)
    made, far = bicubic(small, (height, width)), 3 * scale
    assert np.abs(made - expected)[far:-far, far:-far].max() < 1e-3


def test_luma_is_that_of_the_studio():
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    expected = [[16, 235, 16 + 65.481, 16 + 128.553, 16 + 24.966]]
    assert np.allclose(luma(colours.astype(np.uint8)), expected)


def test_psnr_of_a_known_error():
    truth = np.full((20, 30, 3), 100, np.uint8)
    other = truth.copy()
    other[5:15, 5:25] += 10  # of luma 10 * 219 / 255
    error = (10 * 219 / 255) ** 2
    assert psnr(other, truth, 5) == pytest.approx(10 * np.log10(255**2 / error))
    assert psnr(other, truth, 0) == pytest.approx(10 * np.log10(255**2 / (error / 3)))
    assert psnr(truth, truth, 2) == EXACT


def test_ssim_is_the_mean_over_windows():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (17, 15, 3), dtype=np.uint8)
    other = (truth * 0.7 + rng.integers(0, 60, truth.shape)).astype(np.uint8)
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    x, y = luma(other, 1), luma(truth, 1)
    each = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            ma, mb = (window * a).sum(), (window * b).sum()
            va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
            both = (window * (a - ma) * (b - mb)).sum()
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            each.append(
                (2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
            )
    assert ssim(other, truth, 1) == pytest.approx(np.mean(each), abs=1e-9)
    assert ssim(truth, truth, 1) == pytest.approx(1)
