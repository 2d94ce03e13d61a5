"""The same batches bit for bit, whoever makes them and wherever an epoch is taken up."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hubel.data import Loader, Sample
from hubel.data.augment import Affine, Contrast, Crop, Elastic, Erase, Mirror, Shift
from hubel.data.decoding import Pictures
from hubel.data.draws import order
from hubel.data.kept import Files, Ragged
from hubel.data.loader import as_sample
from hubel.pictures import PictureError, Preprocess

STEPS = (Mirror(), Shift(2), Affine(rotate=10, fill="mean"), Elastic(1.0), Erase(3))


def pictures(n: int = 50, c: int = 3) -> Pictures:
    random = np.random.default_rng(0)
    arrays = random.integers(0, 256, (n, 8, 10, c), np.uint8)
    return Pictures(arrays, np.arange(n) % 7, [f"{i}.png" for i in range(n)], tuple("abcdefg"))


def photographs(root: Path, n: int = 30) -> dict[str, Pictures]:
    """The same pictures of different sizes, decoded and in files."""
    random = np.random.default_rng(0)
    files = [root / f"{i}.jpg" for i in range(n)]
    for i, file in enumerate(files):
        coarse = random.integers(0, 256, (4, 5, 3), np.uint8)
        Image.fromarray(coarse).resize((90 + i, 120 - i)).save(file)
    way = Preprocess((16, 16)).whole(40)
    arrays = [way(file) for file in files]
    places = np.array([(0, *array.shape) for array in arrays])
    places[1:, 0] = np.cumsum([array.size for array in arrays])[:-1]
    kept = Ragged(np.concatenate([array.reshape(-1) for array in arrays]), places)
    facts = (np.arange(n) % 7, [file.name for file in files], tuple("abcdefg"))
    return {"kept": Pictures(kept, *facts), "files": Pictures(Files(files, way), *facts)}


CROPS = (Crop((16, 20), area=(0.08, 1.0)), Mirror(), Contrast(0.2))


class Pairs:
    """Someone else's data set."""

    def __init__(self, pictures: Pictures):
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, i: int):
        return self.pictures.arrays[i], int(self.pictures.targets[i])


def same(one, other) -> bool:
    return all(
        torch.equal(getattr(one, name), getattr(other, name)) and getattr(one, name).dtype
        == getattr(other, name).dtype
        for name in ("pictures", "targets", "indices")
    )  # fmt: skip


def test_what_a_batch_holds():
    data = pictures()
    (first, *rest) = Loader(data, batch=8, seed=3).epoch(2)
    assert len(rest) == 5
    assert first.indices.tolist() == order(3, 2, 50)[:8].tolist()
    expected = data.arrays[first.indices.numpy()].transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(first.pictures.numpy(), expected)
    np.testing.assert_array_equal(first.targets.numpy(), data.targets[first.indices.numpy()])
    assert first.pictures.dtype == torch.uint8
    assert first.targets.dtype == first.indices.dtype == torch.int64


def test_every_picture_once_per_epoch():
    loader = Loader(pictures(), batch=8, seed=0, drop_last=False)
    assert loader.steps == 7
    for epoch in range(3):
        indices = torch.cat([batch.indices for batch in loader.epoch(epoch)])
        assert sorted(indices.tolist()) == list(range(50))


def test_in_the_order_of_the_files():
    loader = Loader(pictures(), batch=8, seed=0, shuffle=False, drop_last=False)
    indices = torch.cat([batch.indices for batch in loader.epoch(4)])
    assert indices.tolist() == list(range(50))


def test_epochs_and_seeds_differ():
    firsts = {
        tuple(next(Loader(pictures(), batch=8, seed=seed).epoch(epoch)).indices.tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(firsts) == 9


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**63), st.integers(0, 500), st.integers(1, 13), st.data())
def test_taken_up_at_any_position(seed, epoch, batch, draw):
    loader = Loader(pictures(), batch=batch, seed=seed, augment=STEPS)
    start = draw.draw(st.integers(0, loader.steps))
    whole, rest = list(loader.epoch(epoch)), list(loader.epoch(epoch, start))
    assert len(whole) == loader.steps
    assert len(rest) == loader.steps - start
    assert all(same(one, other) for one, other in zip(whole[start:], rest))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 13), st.integers(1, 13))
def test_what_augmentation_makes_does_not_depend_on_the_batch(one, other):
    """Up to the last bits: sums over a batch do not enter."""
    made = []
    for batch in (one, other):
        loader = Loader(pictures(), batch=batch, seed=1, augment=STEPS, drop_last=False)
        made.append(torch.cat([batch.pictures for batch in loader.epoch(0)]))
    torch.testing.assert_close(made[0], made[1], atol=1e-3, rtol=0)


@pytest.fixture(scope="module")
def loaders():
    """The same without workers and with two, of pictures and of someone else's data set."""
    return {
        (name, workers): Loader(data, batch=7, seed=5, augment=STEPS, workers=workers)
        for name, data in (("pictures", pictures()), ("pairs", Pairs(pictures())))
        for workers in (0, 2)
    }


class TestWorkers:
    @pytest.mark.parametrize("name", ["pictures", "pairs"])
    def test_bit_for_bit(self, loaders, name):
        here, there = loaders[name, 0], loaders[name, 2]
        for epoch, start in ((0, 0), (1, 0), (1, 4), (0, 6)):
            one, other = list(here.epoch(epoch, start)), list(there.epoch(epoch, start))
            assert len(one) == len(other) == here.steps - start
            assert all(map(same, one, other))

    def test_an_epoch_that_was_broken_off(self, loaders):
        here, there = loaders["pictures", 0], loaders["pictures", 2]
        next(there.epoch(0))
        assert all(map(same, here.epoch(3, 2), there.epoch(3, 2)))

    def test_the_networks_random_numbers_are_left_alone(self, loaders):
        states = []
        for workers in (0, 2):
            torch.manual_seed(0)
            list(loaders["pictures", workers].epoch(0))
            states.append(torch.get_rng_state())
        assert torch.equal(*states)

    def test_what_cannot_be_sent(self):
        data = Pairs(pictures())
        data.pictures = type("Local", (), {"__len__": lambda _: 50})()
        loader = Loader(data, batch=5, seed=0, workers=1)
        with pytest.raises(
            ValueError, match=r"Pairs cannot be sent to worker processes .*workers=0"
        ):
            next(loader.epoch(0))


class TestPhotographs:
    def test_from_cache_and_files_here_and_in_workers(self, tmp_path):
        made = photographs(tmp_path)
        words = {"batch": 7, "seed": 5, "augment": CROPS}
        expected = [Loader(made["kept"], **words), Loader(made["kept"], **words)]
        loaders = [
            Loader(made[name], workers=workers, ahead=ahead, **words)
            for name in ("kept", "files")
            for workers, ahead in ((0, False), (0, True), (2, False))
        ]
        for epoch, start in ((0, 0), (1, 2)):
            batches = list(expected[0].epoch(epoch, start))
            assert batches[0].pictures.shape == (7, 3, 16, 20)
            for loader in loaders:
                others = list(loader.epoch(epoch, start))
                assert len(others) == len(batches) == loader.steps - start
                assert all(map(same, batches, others))

    def test_a_broken_off_epoch_leaves_no_thread(self, tmp_path):
        loader = Loader(photographs(tmp_path)["kept"], batch=3, seed=0, augment=CROPS, workers=3)
        before = threading.active_count()
        batches = loader.epoch(0)
        next(batches)
        assert threading.active_count() > before
        batches.close()
        assert threading.active_count() == before

    @pytest.mark.parametrize("workers", [0, 1])
    def test_a_file_that_goes_meanwhile_is_named(self, tmp_path, workers):
        loader = Loader(
            photographs(tmp_path)["files"], batch=30, seed=0, augment=CROPS, workers=workers
        )
        (tmp_path / "9.jpg").unlink()
        with pytest.raises(PictureError, match=r"9\.jpg: does not exist"):
            next(loader.epoch(0))

    def test_pictures_of_several_sizes_need_a_crop(self, tmp_path):
        with pytest.raises(ValueError, match=r"need the same height, .* or crop as the first step"):
            next(Loader(photographs(tmp_path)["kept"], batch=5, seed=0).epoch(0))


def test_seconds_add_up_to_the_waiting():
    loader = Loader(pictures(), batch=5, seed=0, augment=(Affine(rotate=5),))
    list(loader.epoch(0))
    assert set(loader.seconds) == {"read", "augment"}
    assert loader.seconds["augment"] > loader.seconds["read"] > 0
    before = sum(loader.seconds.values())
    list(loader.epoch(1))
    assert sum(loader.seconds.values()) > before


class TestOthersDataSets:
    def load(self, *pairs):
        return next(Loader(list(pairs), batch=len(pairs), seed=0, shuffle=False).epoch(0))

    def test_samples(self):
        sample = Sample(np.full((4, 5, 3), 9, np.uint8), 2, "x", 0)
        batch = self.load(sample, sample)
        assert batch.pictures.shape == (2, 3, 4, 5)
        assert batch.targets.tolist() == [2, 2]

    def test_forms_of_pictures(self):
        grey = np.array([[0, 51], [102, 255]], np.uint8)
        forms = (
            grey,
            grey[:, :, None],
            grey / 255,
            torch.from_numpy(grey),
            torch.from_numpy(grey)[None],
            torch.from_numpy(grey)[None] / 255,
            Image.fromarray(grey),
            grey.astype(np.uint16) * 257,
        )
        for form in forms:
            batch = self.load((form, torch.tensor(1)))
            assert batch.pictures.dtype == torch.uint8
            np.testing.assert_array_equal(batch.pictures[0, 0], grey)
        colours = torch.arange(12, dtype=torch.uint8).view(3, 2, 2)
        assert torch.equal(self.load((colours, 0)).pictures[0], colours)
        palette = Image.fromarray(colours.permute(1, 2, 0).numpy()).quantize(4)
        assert self.load((palette, 0)).pictures.shape == (1, 3, 2, 2)

    @pytest.mark.parametrize(
        ("thing", "message"),
        [
            (3, r"gave int at 0; it must give a Sample or \(picture, target\)"),
            (
                (np.zeros((4, 4, 2), np.uint8), 0),
                r"picture 0 of the data set has shape \(4, 4, 2\)",
            ),
            ((torch.randn(3, 4, 4) * 2, 0), r"floating point has the range 0\.\.1"),
            ((torch.zeros(3, 4, 4, dtype=torch.int64), 0), "type int64; give uint8"),
        ],
    )
    def test_refused(self, thing, message):
        with pytest.raises(ValueError, match=message):
            as_sample(thing, 0)

    def test_sizes_that_differ(self):
        with pytest.raises(ValueError, match="need the same height, width and channels"):
            self.load((np.zeros((4, 4), np.uint8), 0), (np.zeros((5, 4), np.uint8), 0))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"batch": 0}, "batch=0; it is the pictures per step"),
        ({"batch": 51}, "a batch of 51 from 50 pictures; use a batch of 50 or less"),
        ({"batch": 5, "workers": -1}, "workers=-1; 0 loads in the training process"),
        (
            {"batch": 5, "dataset": iter([])},
            r"list_iterator cannot be loaded; a data set needs len\(\)",
        ),
        ({"batch": 5, "dataset": []}, "a batch of 5 from 0 pictures; it is empty"),
    ],
)
def test_impossible_values(words, message):
    with pytest.raises(ValueError, match=message):
        Loader(**{"dataset": pictures(), "seed": 0, **words})
