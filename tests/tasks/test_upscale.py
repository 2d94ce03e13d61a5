"""The task of enlarging: its loss, its scores, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import nn

from hubel.data import Loader
from hubel.data.pairs import decode_pairs, open_pictures
from hubel.pictures import Preprocess
from hubel.runtime.decode.upscale import self_ensemble
from hubel.tasks.enlarged import Enlarged
from hubel.tasks.outcome import NotNumbers
from hubel.tasks.upscale import Upscale
from hubel.tasks.upscalers import Bicubic, create

SEEN = {
    1: Preprocess((16, 16), channels=1, mean=(0.5,), std=(0.25,)),
    3: Preprocess((16, 16), mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3)),
}


def shapes(number: int) -> Image.Image:
    """Sharp edges in colours, as a lens draws them: what the bicubic filter blurs."""
    rng = np.random.default_rng(number)
    picture = Image.new("RGB", (400, 360), tuple(rng.integers(0, 256, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for _ in range(25):
        colour = tuple(rng.integers(0, 256, 3).tolist())
        (x, y), (w, h) = rng.integers(0, 360, 2).tolist(), rng.integers(24, 160, 2).tolist()
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)((x, y, x + w, y + h), fill=colour)
    return picture.reduce(4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("shapes")
    for part, numbers in (("train", range(6)), ("val", range(6, 9))):
        (root / part).mkdir()
        for number in numbers:
            shapes(number).save(root / part / f"{number}.png")
    return root


def loaders(folder, scale=2, patch=16) -> tuple[Loader, Loader]:
    data = open_pictures(folder)
    train, _ = decode_pairs(data.train, scale=scale, patch=(patch, patch))
    val, _ = decode_pairs(data.val, scale=scale)
    return (
        Loader(train, batch=8, seed=0),
        Loader(val, batch=2, seed=0, shuffle=False, drop_last=False),
    )


class Plain(nn.Module):
    """The bicubic enlargement, and something to train."""

    def __init__(self, scale: int):
        super().__init__()
        self.bicubic, self.shift = Bicubic(scale), nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.bicubic(x) + self.shift


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [2, 3])
def test_a_network_that_adds_nothing_scores_as_bicubic_does(folder, scale, channels):
    task = Upscale((), SEEN[channels], head={"scale": scale})
    _, val = loaders(folder, scale)
    model = task.model(Plain(scale)).train()
    outcome, scores = task.evaluate(model, val, val.dataset.names)
    assert model.training
    assert np.abs(outcome.psnr - outcome.bicubic).max() < 0.1
    assert scores == dict(zip(task.scores, outcome.scores))
    assert outcome.names == ("val/6.png", "val/7.png", "val/8.png")
    assert len(set(outcome.psnr)) == 3
    dark = task.model(Plain(scale))
    dark.network.shift.data -= 0.3
    worse, _ = task.evaluate(dark, val, val.dataset.names)
    assert (worse.psnr < outcome.psnr - 3).all()
    assert (worse.losses > outcome.losses + 0.1).all()


def test_processes_bring_their_shares_together(folder):
    task = Upscale((), SEEN[1], head={"scale": 2})
    model, found = task.model(Plain(2)), []
    pairs = loaders(folder)[1].dataset
    whole, _ = task.evaluate(model, loaders(folder)[1], pairs.names)

    def gather(mine):
        found.append(mine)
        return found

    for rank in (0, 1):
        words = {"shuffle": False, "drop_last": False, "share": (rank, 2)}
        loader = Loader(pairs, batch=2, seed=0, **words)
        names = pairs.names if rank else pairs.names[:1]
        outcome, _ = task.evaluate(model, loader, names, gather)
    assert np.array_equal(outcome.psnr, whole.psnr)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_loss_is_the_mean_difference_in_the_networks_units(channels):
    task = Upscale((), SEEN[channels], head={"scale": 2})
    model = task.model(nn.Upsample(scale_factor=2))
    small = torch.full((2, 3, 4, 4), 100, dtype=torch.uint8)
    large = torch.full((2, 3, 8, 8), 110, dtype=torch.uint8)
    expected = np.mean([10 / 255 / s for s in task.preprocess.std])
    assert float(task.objective(model, small, large)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("head", "message"),
    [({"scale": 5}, "enlarged 2, 3, 4 times"), ({"scale": "x"}, "'x'"), ({"sacle": 3}, "'scale'")],
)
def test_a_head_that_makes_no_sense_is_answered(head, message):
    with pytest.raises(ValueError, match=message):
        Upscale((), SEEN[1], head=head).network("espcn")


def test_it_learns_more_than_bicubic(folder):
    task = Upscale((), SEEN[1], head={"scale": 2})
    train, val = loaders(folder)
    torch.manual_seed(0)
    model = task.model(create("edsr_slim", scale=2, channels=1, width=16, depth=1))
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(50):
        optimizer.param_groups[0]["lr"] = 5e-3 * (1 - epoch / 50)
        for at in range(0, len(train.dataset) - 7, 8):
            batch = train.dataset.batch(0, epoch, np.arange(at, at + 8))
            optimizer.zero_grad()
            task.objective(model, batch.pictures, batch.targets).backward()
            optimizer.step()
    outcome, scores = task.evaluate(model, val, val.dataset.names)
    assert (outcome.psnr > outcome.bicubic + 0.3).all()
    assert scores["val_ssim"] > 0.9
    several, _ = task.evaluate(model, val, val.dataset.names, views=self_ensemble)
    assert several.psnr.mean() > outcome.psnr.mean()


def test_the_outcome_is_kept(tmp_path):
    numbers = np.array([30.5, 31.5])
    outcome = Enlarged(("a", "b"), numbers, numbers / 40, numbers - 2, numbers / 1000, 2, 7)
    again = Enlarged.load(outcome.save(tmp_path / "outcome.npz"))
    assert again.names == outcome.names
    assert again.scores == outcome.scores == pytest.approx((0.031, 31.0, 0.775))
    assert np.array_equal(again.bicubic, outcome.bicubic)
    assert (again.scale, again.margin) == (2, 7)
    assert again.score == "31.00 dB (bicubic 29.00), SSIM 0.7750 for x2"
    assert again.told(()) == ["a  30.50 dB (bicubic 28.50), SSIM 0.7625", "b  " + again.note(1)]
    assert [row[0] for row in again.tables(())[0][2]] == ["a", "b"]
    with pytest.raises(ValueError, match="does not exist"):
        Enlarged.load(tmp_path / "none.npz")
    (tmp_path / "broken.npz").write_bytes(b"no")
    with pytest.raises(ValueError, match="not an outcome"):
        Enlarged.load(tmp_path / "broken.npz")
    with pytest.raises(NotNumbers, match="ssim"):
        Enlarged(("a", "b"), numbers, numbers * np.nan, numbers, numbers, 2, 7)
    with pytest.raises(ValueError, match="shape"):
        Enlarged(("a",), numbers, numbers, numbers, numbers, 2, 7)
    with pytest.raises(ValueError, match="0 pictures"):
        Enlarged((), *[np.zeros(0)] * 4, 2, 7)
