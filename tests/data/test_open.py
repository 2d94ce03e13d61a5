"""Every layout becomes the same thing; what cannot be a data set is refused with the remedy."""

from __future__ import annotations

import shutil
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubel.data import open_data
from hubel.data.open import _set_aside
from hubel.data.types import Source
from hubel.pictures import read_picture

PETS = [f"{kind}/{number}.png" for kind in ("cats", "dogs") for number in range(10)]


def labels(source) -> list[str]:
    return [source.classes[target] for target in source.targets]


class TestFolders:
    def test_a_folder_per_class(self, fill):
        data = open_data(fill(PETS))
        assert data.name == "pets"
        assert data.classes == ("cats", "dogs")
        assert len(data.train) == 16
        assert Counter(labels(data.val)) == {"cats": 2, "dogs": 2}
        assert data.split == "20% of every class set aside for val, chosen by seed 0"
        for source in (data.train, data.val):
            assert [name.split("/")[0] for name in source.names] == labels(source)
            assert read_picture(source.read(1)).shape == (9, 12, 3)
            assert source.read(1).name == source.names[1].split("/")[1]

    def test_nested_files_and_strange_names(self, fill):
        names = ["große Katzen/a b/Löwe 1.png", "große Katzen/2.JPG", "犬/x/y/1.png", "犬/2.png"]
        data = open_data(fill(names))
        assert data.classes == ("große Katzen", "犬")
        assert {*data.train.names, *data.val.names} == set(names)

    @pytest.mark.parametrize(
        ("train", "held", "words"),
        [
            ("train", "val", "train and val as they are given"),
            ("Training", "validation", "train and val as they are given"),
            ("train", "valid", "train and val as they are given"),
            ("train", "test", "train as given; val is the test part, because there is no"),
        ],
    )
    def test_folders_for_the_parts(self, fill, train, held, words):
        data = open_data(fill([f"{part}/{name}" for part in (train, held) for name in PETS]))
        assert (len(data.train), len(data.val)) == (20, 20)
        assert all(name.startswith(train) for name in data.train.names)
        assert all(name.startswith(held) for name in data.val.names)
        assert data.split.startswith(words)
        assert data.test is (data.val if held == "test" else None)

    def test_a_test_part_beside_val_is_left_alone(self, fill):
        data = open_data(
            fill([f"{part}/{name}" for part in ("train", "val", "test") for name in PETS])
        )
        assert all(name.startswith("val") for name in data.val.names)
        assert data.split.endswith("the test part is left alone")
        assert all(name.startswith("test") for name in data.test.names)
        assert len(data.test) == 20

    def test_a_train_part_alone_is_divided(self, fill):
        data = open_data(fill([f"train/{name}" for name in PETS]))
        assert (len(data.train), len(data.val)) == (16, 4)

    def test_an_archives_folder_around_it(self, fill):
        assert open_data(fill([f"pets-v1/{name}" for name in PETS])).classes == ("cats", "dogs")

    def test_a_class_called_test(self, fill):
        data = open_data(fill([f"{kind}/{n}.png" for kind in ("test", "other") for n in range(3)]))
        assert data.classes == ("other", "test")

    def test_a_class_called_train(self, fill):
        data = open_data(fill([f"{kind}/{n}.png" for kind in ("train", "plane") for n in range(3)]))
        assert data.classes == ("plane", "train")

    def test_numbers_are_in_order(self, fill):
        data = open_data(fill([f"{kind}/{n}.png" for kind in (10, 9, 1) for n in range(2)]))
        assert data.classes == ("1", "9", "10")

    def test_other_files_and_empty_folders_do_not_matter(self, fill):
        root = fill(PETS)
        (root / "cats" / "notes.txt").write_text("x")
        (root / "empty").mkdir()
        (root / ".cache").mkdir()
        assert open_data(root).classes == ("cats", "dogs")

    def test_pictures_beside_the_classes_are_listed(self, fill):
        data = open_data(fill([*PETS, "loose.png"]))
        assert [(f.name, f.kind) for f in data.findings] == [("loose.png", "no class")]
        assert len(data.train) + len(data.val) == len(PETS)

    def test_all_for_validation(self, fill):
        data = open_data(fill(PETS), val=1)
        assert (len(data.train), len(data.val)) == (0, 20)

    def test_hymenoptera(self, data):
        ants = open_data(data / "hymenoptera")
        assert ants.classes == ("ants", "bees")
        assert (len(ants.train), len(ants.val)) == (245, 153)
        assert Counter(labels(ants.val)) == {"ants": 70, "bees": 83}


class TestRefusedFolders:
    def refused(self, where, message):
        with pytest.raises(ValueError, match=message):
            open_data(where)

    def test_empty(self, tmp_path):
        self.refused(tmp_path, r"an empty folder; make one folder per class \(cats/1\.jpg")

    def test_no_pictures(self, tmp_path):
        (tmp_path / "cats").mkdir()
        (tmp_path / "cats" / "readme.txt").touch()
        self.refused(tmp_path, "no pictures in its folders; make one folder per class")
        self.refused(tmp_path / "cats", "no pictures; make one folder per class")

    def test_no_classes(self, fill):
        self.refused(
            fill(["1.png", "2.png"]), r"pictures \(1\.png, \.\.\.\) but no classes; make one"
        )

    def test_parts_without_classes(self, fill):
        names = ["train/1.png", "train/2.png", "val/1.png", "val/2.png"]
        self.refused(fill(names), r"train: pictures \(1\.png, \.\.\.\) but no classes")

    def test_the_folders_of_other_tasks(self, fill, data):
        self.refused(fill(["train/1.jpg", "val/2.jpg", "annotations/x.png"]), "but no classes")
        for name in ("bccd", "camvid", "nuclei"):
            self.refused(data / name, "(not of classes|but no classes); make one folder per class")

    def test_one_class(self, fill):
        self.refused(fill(["cats/1.png", "cats/2.png"]), r"only one class \(cats\); .* two or more")

    def test_one_picture_in_a_class(self, fill):
        self.refused(
            fill([*PETS, "foxes/only.png"]),
            r"pets: the class foxes has one picture \(foxes/only\.png\); add another or remove",
        )

    def test_a_class_that_is_not_in_train(self, fill):
        names = [f"train/{name}" for name in PETS] + [f"val/{k}/1.png" for k in ("cats", "foxes")]
        self.refused(fill(names), "the class foxes is in val but not in train; add pictures")

    def test_two_folders_for_one_part(self, fill):
        names = [f"{part}/{name}" for part in ("train", "val", "valid") for name in PETS]
        self.refused(fill(names), "two folders hold the val pictures")

    def test_an_impossible_share(self, fill):
        for val in (0, -1, 1.5):
            with pytest.raises(ValueError, match="it is the share of the pictures set aside"):
                open_data(fill(PETS), val=val)

    def test_a_file_of_another_kind(self, tmp_path):
        file = tmp_path / "pets.zip"
        file.touch()
        self.refused(file, "not a data set; name a folder")


class TestSplit:
    @settings(deadline=None)
    @given(
        st.lists(st.integers(2, 30), min_size=1, max_size=5),
        st.floats(0.01, 0.99),
        st.integers(0, 2**63),
    )
    def test_a_partition_with_every_class_on_both_sides(self, counts, val, seed):
        targets = np.repeat(np.arange(len(counts)), counts)
        names = [f"{i}.png" for i in range(len(targets))]
        classes = tuple(map(str, range(len(counts))))
        side = _set_aside(Source(classes, names, targets, names, ()), "here", seed, val)
        for number, count in enumerate(counts):
            held = int(side[targets == number].sum())
            assert 1 <= held <= count - 1
            assert abs(held - count * val) <= 1

    def test_it_depends_on_the_seed_alone(self, fill):
        root = fill([f"{kind}/{number}.png" for kind in ("a", "b") for number in range(50)])
        first, again, other = (open_data(root, seed=seed).val.names for seed in (1, 1, 2))
        assert first == again
        assert first != other

    def test_a_new_picture_moves_few_others(self, fill):
        root = fill([f"{kind}/{number}.png" for kind in ("a", "b") for number in range(50)])
        before = set(open_data(root).val.names)
        shutil.copy(root / "a" / "1.png", root / "a" / "new.png")
        assert len(before - set(open_data(root).val.names)) <= 1

    def test_composed_and_decomposed_letters_are_one_name(self):
        names = [f"ä{i}.png" for i in range(20)]
        sides = []
        for form in ("NFC", "NFD"):
            spelt = [unicodedata.normalize(form, name) for name in names]
            source = Source(("x",), spelt, np.zeros(20, int), spelt, ())
            sides.append(_set_aside(source, "here", 0, 0.3).tolist())
        assert sides[0] == sides[1]

    def test_the_fingerprint_is_of_the_files_not_of_their_place(self, fill, tmp_path):
        root = fill(PETS)
        copy = shutil.copytree(root, tmp_path / "elsewhere")
        assert open_data(copy).fingerprint == open_data(root).fingerprint
        assert open_data(root, seed=1).fingerprint != open_data(root).fingerprint
        (copy / "cats" / "1.png").write_bytes(b"shorter")
        assert open_data(copy).fingerprint != open_data(root).fingerprint


def test_digits():
    data = open_data("digits")
    assert data.classes == tuple("0123456789")
    assert len(data.train) + len(data.val) == 1797
    from sklearn.datasets import load_digits

    expected = load_digits()
    at = int(data.val.names[7].removeprefix("digit-"))
    pixels = data.val.read(7)
    np.testing.assert_array_equal(pixels, np.rint(expected.images[at] * 255 / 16))
    assert data.val.classes[data.val.targets[7]] == str(expected.target[at])


class TestNames:
    def test_near_names(self, tmp_path, monkeypatch, fill):
        monkeypatch.delenv("HUBEL_DATA", raising=False)
        fill(PETS)
        monkeypatch.chdir(tmp_path)
        for name, answer in (
            ("mnits", "unknown data set 'mnits'; did you mean 'mnist'"),
            ("pest", "did you mean 'pets'"),
            ("pets/cots", "there is no 'cots' in .*pets; did you mean 'cats'"),
            ("pest/cats/1.png", "there is no 'pest' in .*; did you mean 'pets'"),
            (tmp_path / "zzz", "there is no 'zzz' in .*; check the path"),
            ("", "no data set was named"),
        ):
            with pytest.raises(ValueError, match=answer):
                open_data(name)

    def test_a_folder_here_comes_before_a_name(self, tmp_path, monkeypatch, fill):
        fill(PETS, tmp_path / "digits")
        monkeypatch.chdir(tmp_path)
        assert open_data("digits").classes == ("cats", "dogs")

    @pytest.mark.parametrize("name", ["mnist", "ylecun/mnist"])
    def test_mnist_by_name(self, data, name, monkeypatch):
        monkeypatch.setenv("HUBEL_DATA", str(data))
        mnist = open_data(name)
        assert (len(mnist.train), len(mnist.val)) == (60_000, 10_000)
        assert mnist.classes == tuple("0123456789")
        assert mnist.split.startswith("train as given; val is the test part")
        counts = np.bincount(mnist.train.targets)
        assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        assert read_picture(mnist.val.read(9_999)).shape == (28, 28, 3)

    def test_cifar10_by_name(self, data, monkeypatch):
        monkeypatch.setenv("HUBEL_DATA", str(data))
        cifar = open_data("cifar10")
        assert cifar.classes[0] == "airplane"
        assert (len(cifar.train), len(cifar.val)) == (50_000, 10_000)
        assert read_picture(cifar.train.read(49_999)).shape == (32, 32, 3)
