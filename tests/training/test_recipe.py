from __future__ import annotations

import pytest

from hubel import recipes
from hubel.training.recipe import Recipe


@pytest.mark.parametrize("name", recipes.PAGES)
def test_every_page_survives_its_yaml(tmp_path, name):
    recipe = recipes.load(name)
    path = recipe.save(tmp_path / "recipe.yaml")
    assert Recipe.load(path) == recipe
    assert recipe.recipe == name


@pytest.mark.parametrize("name", recipes.PAGES)
def test_every_page_says_command_minutes_and_score(name):
    text = recipes.page(name).__doc__
    assert "hubel train" in text or "make demo" in text
    assert f"--recipe {name}" in text or "make demo" in text
    assert "minute" in text
    assert "%" in text or " dB" in text


def test_values_that_make_no_sense_are_refused_with_the_rule():
    for changes, message in (
        ({"epochs": 0}, "epochs=0"),
        ({"batch": -1}, "batch=-1"),
        ({"val": 1.5}, "between 0 and 1"),
        ({"average": 1.0}, "average=1.0"),
        ({"minutes": 0}, "minutes=0"),
        ({"layout": "channel-last"}, "channels-last"),
        ({"optimizer": {"name": "sgdd", "lr": 1}}, "sgd"),
        ({"optimizer": {"name": "sgd"}}, "needs the option 'lr'"),
        ({"loss": {"name": "cross-entropy", "smooting": 1}}, "smoothing"),
        ({"epoch": 3}, "epochs"),
        ({"sizes": ((0.5, 24), (0.2, 28))}, "shares of the run rise"),
        ({"sizes": ((0.5, 24.5),)}, "whole numbers of pixels"),
        ({"precision": "fp61"}, "fp16"),
    ):
        with pytest.raises(ValueError, match=message):
            Recipe(network="lenet5").replace(**changes)


@pytest.mark.parametrize("text", ["[1, 2]", "network: [", "\x00", "epochs: three"])
def test_a_file_that_is_no_recipe_is_named(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"recipe"):
        Recipe.load(path)


def test_nothing_in_a_recipe_is_run(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("!!python/object/apply:os.system ['touch " + str(tmp_path / "bad") + "']")
    with pytest.raises(ValueError):
        Recipe.load(path)
    assert not (tmp_path / "bad").exists()


def test_unknown_recipes_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match="lenet5-1998"):
        recipes.load("lenet-1998")
    with pytest.raises(ValueError, match="no such recipe file"):
        recipes.load("nowhere.yaml")


def test_defaults_by_the_look_of_the_pictures():
    assert recipes.default(recipes.Look(28, True)) == "digits"
    assert recipes.default(recipes.Look(32, False)) == "resnet14"
    assert recipes.default(recipes.Look(300, False)) == "photos"


def test_every_practice_of_a_page_can_be_left_out_by_its_name():
    modern = recipes.load("modern")
    names = "augment trivialaugment shift mirror erase mix average clip decay schedule smoothing"
    assert {*names.split(), "momentum", "nesterov"} <= set(modern.practices())
    for name, changes in modern.practices().items():
        left = modern.without(name)
        assert left != modern
        assert left == modern.replace(**changes)
        assert name not in left.practices() or name == "augment"
    bare = modern.without("mix", "smoothing", "average", "mirror")
    assert (bare.mix, bare.average, bare.loss) == (None, None, {"name": "cross-entropy"})
    assert [type(step).__name__ for step in bare.augment] == ["TrivialAugment", "Shift", "Erase"]
    assert bare.optimizer == modern.optimizer


def test_leaving_out_what_is_not_there_says_what_is():
    with pytest.raises(ValueError, match="did you mean 'average'"):
        recipes.load("modern").without("averge")
    with pytest.raises(ValueError, match=r"unknown practice to leave out 'mix'; known: momentum"):
        recipes.load("lecture").without("mix")


def test_without_its_crop_a_recipe_trains_at_the_size_it_is_scored_at():
    photos = recipes.load("photos")
    assert photos.without("mirror").canvas == photos.canvas
    assert photos.without("crop").canvas is None
    assert photos.without("augment").canvas is None


def test_dropout_is_a_practice_of_alexnet():
    assert recipes.load("alexnet-2012").without("dropout").words == {"dropout": 0.0}


@pytest.mark.parametrize(
    ("mix", "message"),
    [({"name": "cutmic"}, "cutmix"), ({"name": "mixup", "alpha": -1}, "mixup: alpha=-1")],
)
def test_a_mix_that_is_none_is_refused(mix, message):
    with pytest.raises(ValueError, match=message):
        Recipe(network="lenet5").replace(mix=mix)
