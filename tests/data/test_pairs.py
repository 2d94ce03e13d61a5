"""A folder of pictures as pairs of small and large."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hubel.data.geometry import Mirror, Shift
from hubel.data.moving import Turn
from hubel.data.pairs import decode_pairs, open_pictures
from hubel.pictures.preprocess import FILTERS, resize


def save(path, height, width, mode="RGB", seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3))
    picture = Image.fromarray(pixels.astype(np.uint8)).resize((width, height))
    picture.convert(mode).save(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "pictures"
    for i, mode in enumerate(("RGB", "L", "P", "RGBA", "I;16", "CMYK")):
        kind = "jpg" if mode == "CMYK" else "png"
        save(root / f"some/{i}.{kind}", 90 + i, 120 + 7 * i, mode if mode != "I;16" else "L", i)
    save(root / "Set5/a.png", 61, 80, seed=7)
    save(root / "set14/b.png", 64, 64, seed=8)
    return root


def test_benchmarks_are_never_trained_on(folder):
    data = open_pictures(folder)
    assert data.val.names == ["Set5/a.png"]
    assert data.test.names == ["set14/b.png"]
    assert len(data.train) == 6
    assert data.classes == ()


def test_folders_of_parts_go_before_benchmarks(folder):
    save(folder / "val/c.png", 64, 64)
    data = open_pictures(folder)
    assert data.val.names == ["Set5/a.png", "val/c.png"]
    assert open_pictures(folder, val=1).val.names == data.val.names


def test_a_share_is_set_aside_by_name(folder):
    some = folder / "some"
    data = open_pictures(some, seed=3, val=0.3)
    assert (len(data.train), len(data.val), data.test) == (4, 2, None)
    assert not set(data.train.names) & set(data.val.names)
    again = open_pictures(some, seed=3, val=0.3)
    assert (again.val.names, again.fingerprint) == (data.val.names, data.fingerprint)
    found = {tuple(open_pictures(some, seed=seed, val=0.3).val.names) for seed in range(9)}
    assert len(found) > 1
    assert len(open_pictures(some, val=1).val) == 6


def test_what_cannot_be_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not a folder"):
        open_pictures(tmp_path / "none")
    with pytest.raises(ValueError, match="no pictures in it"):
        open_pictures(tmp_path)
    save(tmp_path / "one.png", 50, 50)
    data = open_pictures(tmp_path)
    assert (len(data.train), len(data.val)) == (0, 1)
    with pytest.raises(ValueError, match="left to train on; add some"):
        decode_pairs(data.train, scale=2, patch=(8, 8))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_whole_pairs_are_cut_to_multiples(folder, scale):
    pairs, findings = decode_pairs(open_pictures(folder).train, scale=scale)
    assert not findings
    assert [pairs[i].name for i in range(6)] == pairs.names
    for i in range(len(pairs)):
        sample = pairs[i]
        small, large = sample.picture.shape, sample.target.shape
        assert large == (scale * small[0], scale * small[1], 3)
        assert 0 <= 90 + i - large[0] < scale
        assert np.array_equal(sample.picture, resize(sample.target, small[:2], "bicubic"))


@pytest.mark.parametrize(("filter", "scale"), [*((name, 3) for name in FILTERS), ("bicubic", 2)])
def test_patches_are_cut_from_the_whole_small_picture(folder, filter, scale):
    pairs, _ = decode_pairs(open_pictures(folder).train, scale=scale, filter=filter, patch=(13, 10))
    indices = np.arange(len(pairs))
    batch = pairs.batch(1, 2, indices)
    assert batch.pictures.shape == (len(pairs), 3, 13, 10)
    assert batch.targets.shape == (len(pairs), 3, 13 * scale, 10 * scale)
    places = set()
    for k in indices.tolist():
        whole = pairs[k]
        small, large = (x[k].permute(1, 2, 0).numpy() for x in (batch.pictures, batch.targets))
        windows = np.lib.stride_tricks.sliding_window_view(whole.picture, small.shape)[:, :, 0]
        ((i, j),) = np.argwhere((windows == small).all(axis=(2, 3, 4)))
        places.add((i, j))
        cut = whole.target[scale * i : scale * (i + 13), scale * j : scale * (j + 10)]
        assert np.array_equal(cut, large)
    assert len(places) > len(pairs) / 3


def test_batches_are_a_function_of_seed_epoch_and_index(folder):
    pairs, _ = decode_pairs(open_pictures(folder).train, scale=2, patch=(16, 16))
    steps = (Mirror(), Turn())
    one = pairs.batch(0, 1, np.array([5, 2, 7]), steps)
    for at, index in enumerate((5, 2, 7)):
        alone = pairs.batch(0, 1, np.array([index]), steps)
        assert (alone.pictures[0] == one.pictures[at]).all()
        assert (alone.targets[0] == one.targets[at]).all()
    other = pairs.batch(0, 2, np.array([5, 2, 7]), steps)
    assert not (other.pictures == one.pictures).all()


def test_both_sides_are_turned_and_mirrored_alike(folder):
    pairs, _ = decode_pairs(open_pictures(folder).train, scale=2, patch=(16, 16))
    indices = np.arange(len(pairs))
    plain = pairs.batch(0, 0, indices)
    changed = pairs.batch(0, 0, indices, (Mirror(), Turn()))
    seen = set()
    for k in indices:
        for mirrored in (False, True):
            for turns in range(4):
                forms = [
                    (x[k].flip(2) if mirrored else x[k]).rot90(turns, (1, 2))
                    for x in (plain.pictures, plain.targets)
                ]
                if (forms[0] == changed.pictures[k]).all():
                    assert (forms[1] == changed.targets[k]).all()
                    seen.add((mirrored, turns))
    assert len(seen) == 8


def test_other_steps_are_refused(folder):
    pairs, _ = decode_pairs(open_pictures(folder).train, scale=2, patch=(16, 16))
    with pytest.raises(
        ValueError, match="augment shift: pairs of pictures take mirror, flip and turn"
    ):
        pairs.batch(0, 0, np.array([0]), (Shift(2),))


def test_a_whole_picture_is_a_batch(folder):
    pairs, _ = decode_pairs(open_pictures(folder).train, scale=2)
    assert pairs.most == 1
    batch = pairs.batch(0, 0, np.array([3]))
    assert np.array_equal(batch.pictures[0].permute(1, 2, 0), pairs.source(3))
    assert np.array_equal(batch.targets[0].permute(1, 2, 0), pairs[3].target)


def test_an_epoch_has_as_many_patches_as_fit_side_by_side(folder):
    pairs, _ = decode_pairs(open_pictures(folder).train, scale=2, patch=(20, 25))
    assert len(pairs) == 5 * (2 * 2) + 2 * 3  # 90..95 by 120..148, and 95 by 155
    with pytest.raises(IndexError):
        pairs[len(pairs)]


def test_small_and_broken_pictures_are_named(folder):
    save(folder / "some/tiny.png", 30, 200)
    (folder / "some/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    pairs, findings = decode_pairs(open_pictures(folder).train, scale=2, patch=(16, 16))
    kinds = {finding.name: finding.kind for finding in findings}
    assert kinds["some/tiny.png"] == "too small"
    assert len(kinds) == 2
    assert not {"some/tiny.png", "some/broken.png"} & set(pairs.names)
    with pytest.raises(ValueError, match="left to train on; the first: some/"):
        decode_pairs(open_pictures(folder).train, scale=4, patch=(64, 64))
