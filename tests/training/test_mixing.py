"""Mixed pictures are the blend that their targets say, and a function of (seed, step, index)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from hubel.data import Batch
from hubel.tasks.losses import cross_entropy, maximum_a_posteriori, shares
from hubel.training.mixing import DRAWS, MIXES, Mix, beta, cutmix, mixup


def batch(n=8, start=0) -> Batch:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (n, 3, 12, 10), generator=generator, dtype=torch.uint8)
    return Batch(pictures, torch.arange(n) % 3, torch.arange(start, start + n))


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5, 1.0, 8.0])
def test_beta_is_the_distribution_of_that_name(alpha):
    u = np.linspace(0.001, 0.5, 500)
    assert np.abs(stats.beta.cdf(beta(u, alpha), alpha, alpha) - u).max() < 1e-3
    np.testing.assert_allclose(beta(1 - u, alpha), 1 - beta(u, alpha))


def test_a_blend_is_that_of_the_equation():
    def way(u, height, width):
        return np.full((8, 1, 1), 0.75)

    given, mixed = batch(), batch()
    Mix(way, 3, seed=0).mix(mixed, step=0)
    x = given.pictures.float()
    torch.testing.assert_close(mixed.pictures, 0.75 * x + 0.25 * x.roll(-1, 0))
    assert mixed.targets[0].tolist() == [0.75, 0.25, 0.0]
    assert mixed.targets[7].tolist() == [0.25, 0.75, 0.0]  # class 1 with the first, class 0


@pytest.mark.parametrize("name", MIXES)
def test_targets_are_the_shares_of_the_pixels(name):
    mixed = batch(64)
    mixed.pictures = torch.zeros(64, 1, 12, 10, dtype=torch.uint8)
    mixed.pictures[::2] = 255
    mixed.targets = torch.arange(64) % 2  # class 0 is white, class 1 black
    Mix(MIXES[name], 2, seed=1).mix(mixed, step=5)
    torch.testing.assert_close(mixed.pictures.mean(dim=(1, 2, 3)) / 255, mixed.targets[:, 0])
    torch.testing.assert_close(mixed.targets.sum(1), torch.ones(64))
    assert ((mixed.targets > 0.01) & (mixed.targets < 0.99)).any()


def test_mixup_keeps_at_least_half_of_each_picture():
    u = np.random.default_rng(0).random((4000, DRAWS))
    kept = mixup(u, 1, 1, alpha=0.4)[:, 0, 0]
    assert kept.min() >= 0.5
    both = np.concatenate([kept, 1 - kept])  # either of the two pictures
    assert stats.kstest(both, stats.beta(0.4, 0.4).cdf).pvalue > 0.01


def test_cutmix_cuts_one_box_and_leaves_the_rest():
    kept = cutmix(np.array([[0.5, 0.0, 0.5, 0.5], [0.5, 0.9, 0.5, 0.5]]), 12, 10)
    assert set(np.unique(kept[0])) == {0.0, 1.0}
    rows, columns = np.flatnonzero((kept[0] == 0).any(1)), np.flatnonzero((kept[0] == 0).any(0))
    assert (kept[0][np.ix_(rows, columns)] == 0).all()
    assert (len(rows), len(columns)) == (8, 7)  # sqrt(1/2) of 12 and 10
    assert (kept[1] == 1).all()  # half of the pictures stay whole


def test_how_a_picture_is_mixed_depends_on_seed_step_and_its_index_alone():
    seen = []

    def way(u, height, width):
        seen.append(u)
        return mixup(u, height, width)

    for seed, step, start in ((0, 3, 0), (0, 3, 4), (1, 3, 0), (0, 4, 0)):
        Mix(way, 3, seed).mix(batch(start=start), step)
    assert (seen[0][4:] == seen[1][:4]).all()
    assert not (seen[0] == seen[2]).any()
    assert not (seen[0] == seen[3]).any()


def test_impossible_values_are_refused_with_the_rule():
    for words in ({"alpha": 0}, {"share": 1.5}):
        with pytest.raises(ValueError, match=f"mixup: {next(iter(words))}"):
            mixup(np.zeros((1, DRAWS)), 4, 4, **words)


@pytest.mark.parametrize("loss", [cross_entropy, maximum_a_posteriori])
def test_a_distribution_on_one_class_is_that_class(loss):
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(6) % 4
    torch.testing.assert_close(loss(logits, shares(targets, 4)), loss(logits, targets))


def test_smoothing_holds_for_distributions_too():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    q = torch.rand(5, 4).softmax(dim=1)
    wanted = -((0.9 * q + 0.025) * F.log_softmax(logits, 1)).sum(1).mean()
    torch.testing.assert_close(cross_entropy(logits, q, smoothing=0.1), wanted)
