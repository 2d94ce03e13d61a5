from __future__ import annotations

import os

import pytest

from hubel.training.recipe import Recipe
from hubel.training.run import Run

RECIPE = Recipe(network="lenet5", data="some/folder of digits")


def test_folders_are_numbered_and_never_overwritten(tmp_path):
    first, second = Run.create(tmp_path, RECIPE), Run.create(tmp_path, RECIPE)
    assert first.path == tmp_path / "classify" / "lenet5-folder-of-digits"
    assert second.path.name == "lenet5-folder-of-digits-2"
    assert first.recipe == RECIPE


@pytest.mark.parametrize("name", ["../../outside", "a/b", "..", "", "Größe 3"])
def test_a_name_never_leaves_the_folder(tmp_path, name):
    run = Run.create(tmp_path, RECIPE, name)
    assert run.path.parent == tmp_path / "classify"


def test_latest_is_the_one_written_last(tmp_path):
    first, second = Run.create(tmp_path, RECIPE), Run.create(tmp_path, RECIPE)
    os.utime(first.path / "recipe.yaml", (1, 1))
    os.utime(second.path / "recipe.yaml", (2, 2))
    assert Run.latest(tmp_path) == second
    first.checkpoints.mkdir()
    (first.checkpoints / "last.pt").write_bytes(b"")
    assert Run.latest(tmp_path) == first


def test_no_run_and_no_run_folder_say_so(tmp_path):
    with pytest.raises(ValueError, match="no run there to resume"):
        Run.latest(tmp_path)
    with pytest.raises(ValueError, match="not a run folder"):
        Run.open(tmp_path)
