"""Decoded once, kept outside the user's folder, made anew when anything has changed."""

from __future__ import annotations

import dataclasses
import os
import pickle
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from hubel.data import decode, decoding, open_data
from hubel.data.kept import Files, Ragged
from hubel.pictures import Preprocess

SMALL = Preprocess((6, 8), "squash", pad=1, fill=9)
NAMES = [f"{kind}/{number}.png" for kind in ("cats", "dogs") for number in range(10)]


@pytest.fixture
def pets(fill):
    return fill(NAMES)


@pytest.fixture
def decodings(monkeypatch):
    """How many pictures were decoded so far."""
    counted = SimpleNamespace(pictures=0)
    real = decoding.preprocess_many

    def count(preprocess, sources):
        counted.pictures += len(sources)
        return real(preprocess, sources)

    monkeypatch.setattr(decoding, "preprocess_many", count)
    return counted


@pytest.mark.parametrize("channels", [1, 3])
def test_each_picture_as_preprocess_makes_it(pets, channels):
    way = dataclasses.replace(SMALL, channels=channels, mean=(), std=())
    source = open_data(pets).train
    pictures, findings = decode(source, way)
    assert pictures.arrays.shape == (16, 8, 10, channels)
    assert not findings
    assert pictures.classes == ("cats", "dogs")
    for i, sample in enumerate(pictures[i] for i in range(len(pictures))):
        np.testing.assert_array_equal(sample.picture, way(source.read(i))[:, :, :channels])
        assert (sample.name, sample.index) == (source.names[i], i)
        assert sample.target == source.targets[i]


def test_on_a_canvas(pets):
    source = open_data(pets).train
    pictures, _ = decode(source, SMALL, canvas=(11, 13))
    assert pictures.arrays.shape == (16, 11, 13, 3)
    np.testing.assert_array_equal(pictures[3].picture, SMALL.canvas((11, 13))(source.read(3)))


def test_photographs_by_threads_as_by_one(data, monkeypatch):
    source = open_data(data / "hymenoptera").val
    monkeypatch.setattr(decoding, "_BLOCK", 100_000)  # several blocks
    one, _ = decode(source, Preprocess((32, 32)), workers=1)
    first = np.array(one.arrays)
    shutil.rmtree(decoding.cache_folder())
    three, _ = decode(source, Preprocess((32, 32)), workers=3)
    np.testing.assert_array_equal(three.arrays, first)


def test_kept_outside_the_users_folder(pets, cache, decodings):
    before = sorted(pets.rglob("*"))
    first, _ = decode(open_data(pets).train, SMALL)
    assert decodings.pictures == 16
    second, _ = decode(open_data(pets).train, SMALL)
    assert decodings.pictures == 16
    np.testing.assert_array_equal(first.arrays, second.arrays)
    assert isinstance(second.arrays, np.memmap)
    assert cache in type(pets)(second.arrays.filename).parents
    assert sorted(pets.rglob("*")) == before


def test_made_anew_when_what_shapes_it_changes(pets, decodings):
    def again(way=SMALL) -> bool:
        before = decodings.pictures
        decode(open_data(pets).train, way)
        return decodings.pictures > before

    assert again()
    assert not again()
    assert again(dataclasses.replace(SMALL, filter="bicubic"))
    assert not again(dataclasses.replace(SMALL, mean=(0.5,) * 3))  # applied later
    os.utime(pets / "cats" / "1.png", ns=(1, 1))
    assert again()
    Image.new("RGB", (5, 5)).save(pets / "cats" / "1.png")
    assert again()
    shutil.copy(pets / "cats" / "1.png", pets / "cats" / "11.png")
    assert again()


def test_bad_pictures_are_left_out_and_listed(pets, decodings):
    (pets / "cats" / "3.png").write_bytes(b"")
    (pets / "dogs" / "4.png").write_text("a letter")
    source = open_data(pets, val=1).val
    for _ in range(2):  # decoded, then from the cache
        pictures, findings = decode(source, SMALL)
        assert len(pictures) == 18
        assert [(f.name, f.kind) for f in findings] == [
            ("cats/3.png", "empty"),
            ("dogs/4.png", "not a picture"),
        ]
        assert findings[0].message == "is empty (0 bytes); restore or remove it"
        assert set(NAMES) - set(pictures.names) == {"cats/3.png", "dogs/4.png"}
        i = pictures.names.index("dogs/5.png")
        np.testing.assert_array_equal(pictures[i].picture, SMALL(pets / "dogs" / "5.png"))
        assert pictures[i].target == 1
    assert decodings.pictures == 20


def test_none_can_be_used(pets):
    for name in NAMES:
        (pets / name).write_bytes(b"x")
    with pytest.raises(
        ValueError, match=r"none of the 16 pictures can be used; the first: cats/.*is not"
    ):
        decode(open_data(pets).train, SMALL)


def test_no_pictures(pets):
    pictures, findings = decode(open_data(pets, val=1).train, SMALL)
    assert len(pictures) == 0
    assert not findings


class TestWithoutCache:
    def in_memory(self, pets, reason):
        (pets / "cats" / "3.png").write_bytes(b"")
        pictures, findings = decode(open_data(pets, val=1).val, SMALL)
        assert len(pictures) == 19
        assert len(findings) == 1
        assert not isinstance(pictures.arrays, np.memmap)
        assert "stay in memory" in pictures.note
        assert reason in pictures.note

    def test_a_cache_that_cannot_be_written(self, pets, tmp_path, monkeypatch):
        (tmp_path / "file").touch()
        monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "file"))
        self.in_memory(pets, "file")

    def test_too_little_room(self, pets, monkeypatch):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
        self.in_memory(pets, "not free")

    @pytest.mark.skipif(sys.platform == "win32", reason="no file size limits there")
    def test_a_disk_that_fills_up(self, pets, cache):
        import resource

        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
        try:
            self.in_memory(pets, "File too large")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        assert not [file for file in cache.rglob("*") if file.is_file()]

    @pytest.mark.parametrize("suffix", [".json", ".npy"])
    def test_a_damaged_cache_is_made_anew(self, pets, cache, suffix):
        first, _ = decode(open_data(pets).train, SMALL)
        expected = np.array(first.arrays)
        del first
        (file,) = cache.rglob(f"*{suffix}")
        file.write_bytes(file.read_bytes()[:1])
        second, _ = decode(open_data(pets).train, SMALL)
        np.testing.assert_array_equal(second.arrays, expected)
        assert not second.note


class TestOfTheirOwnShapes:
    """`least`: pictures for random crops, from the cache, from memory, or decoded every time."""

    WAY = Preprocess((32, 32)).whole(100)

    def decode(self, source, **words):
        return decode(source, Preprocess((32, 32)), least=100, **words)

    def test_all_of_each_picture(self, data):
        source = open_data(data / "hymenoptera").val.take(np.arange(12))
        pictures, findings = self.decode(source)
        assert isinstance(pictures.arrays, Ragged)
        assert not findings
        assert not pictures.note
        shapes = set()
        for i in range(12):
            expected = self.WAY(source.read(i))
            np.testing.assert_array_equal(pictures[i].picture, expected)
            assert min(expected.shape[:2]) >= 100
            shapes.add(expected.shape)
        assert len(shapes) > 3

    def test_kept_sent_and_made_anew(self, pets, decodings, monkeypatch):
        source = open_data(pets).train
        first, _ = self.decode(source)
        monkeypatch.setattr(decoding._Work, "_pixels", None)  # nothing is decoded again
        second, _ = self.decode(source)
        again = pickle.loads(pickle.dumps(second))
        for pictures in (second, again):
            assert isinstance(pictures.arrays.pixels, np.memmap)
            assert len(pictures) == len(first) == 16
            np.testing.assert_array_equal(pictures[7].picture, first[7].picture)
        assert len(pickle.dumps(second.arrays)) < second.arrays.pixels.nbytes

    @pytest.mark.parametrize("free", [10**12, 1])
    def test_without_cache_in_memory_or_from_the_files(self, pets, cache, monkeypatch, free):
        (pets / "cats" / "3.png").write_bytes(b"")
        source = open_data(pets, val=1).val
        kept, _ = self.decode(source)
        kept = [kept[i] for i in range(len(kept))]
        shutil.rmtree(cache)
        monkeypatch.setenv("HUBEL_CACHE_LIMIT", "0")
        monkeypatch.setattr(decoding, "free_memory", lambda: free)
        for _ in range(2):  # what cannot be used is looked for once
            pictures, findings = self.decode(source)
            assert isinstance(pictures.arrays, Files if free == 1 else Ragged)
            assert ("anew in every epoch" if free == 1 else "stay in memory") in pictures.note
            assert "HUBEL_CACHE_LIMIT" in pictures.note
            assert [finding.name for finding in findings] == ["cats/3.png"]
            again = pickle.loads(pickle.dumps(pictures))
            for i, sample in enumerate(kept):
                np.testing.assert_array_equal(again[i].picture, sample.picture)
                assert (again[i].name, again[i].target) == (sample.name, sample.target)

    def test_validation_from_the_files(self, pets, monkeypatch):
        (pets / "cats" / "3.png").write_bytes(b"")
        monkeypatch.setenv("HUBEL_CACHE_LIMIT", "0")
        monkeypatch.setattr(decoding, "free_memory", lambda: 1)
        source = open_data(pets, val=1).val
        pictures, findings = decode(source, SMALL)
        assert len(findings) == 1
        np.testing.assert_array_equal(pictures[5].picture, SMALL(pets / pictures.names[5]))

    def test_parquet_from_the_file(self, data, monkeypatch):
        monkeypatch.setenv("HUBEL_DATA", str(data))
        monkeypatch.setenv("HUBEL_CACHE_LIMIT", "0")
        monkeypatch.setattr(decoding, "free_memory", lambda: 1)
        source = open_data("cifar10").val.take(np.arange(5))
        pictures, _ = self.decode(source)
        again = pickle.loads(pickle.dumps(pictures))
        np.testing.assert_array_equal(again[3].picture, self.WAY(source.read(3)))

    def test_a_disk_that_is_full_is_told_in_a_sentence(self, pets, monkeypatch):
        said = []
        monkeypatch.setattr(decoding, "_SAID", 0)
        self.decode(open_data(pets).train, say=said.append)
        assert len(said) == 1
        assert said[0].startswith("Decoding 16 pictures: 0.0 MB in ")
        assert said[0].endswith("decoded, kept for the next time")


def test_workers_get_the_files_name_not_its_pixels(data, monkeypatch):
    monkeypatch.setenv("HUBEL_DATA", str(data))
    source = open_data("mnist").val
    pictures, _ = decode(source, Preprocess((28, 28), channels=1))
    blob = pickle.dumps(pictures)
    assert len(blob) < pictures.arrays.nbytes / 10
    again = pickle.loads(blob)
    assert isinstance(again.arrays, np.memmap)
    np.testing.assert_array_equal(again.arrays, pictures.arrays)
    assert again.names == pictures.names
    part = dataclasses.replace(pictures, arrays=pictures.arrays[5:9])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(part)).arrays, part.arrays)
