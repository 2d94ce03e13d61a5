"""What is chosen by looking, for tasks whose answers lie in the picture."""

from __future__ import annotations

import pytest

from hubel import recipes
from hubel.verbs.choose import choose


@pytest.mark.parametrize("task", ["detect", "segment", "localize"])
def test_small_pictures_keep_their_size(task):
    chosen = choose("shapes", None, None, None, False, {"task": task})
    assert chosen.recipe == task
    assert chosen.seen.size == (128, 128)


def test_large_pictures_keep_their_shape(data):
    """640 x 480: as long as the page says, in whole strides."""
    chosen = choose(data / "bccd", None, None, None, False, {})
    assert (chosen.recipe, chosen.seen.size) == ("detect", (256, 320))
    assert chosen.seen.fit == "pad"


def test_what_is_asked_for_is_used():
    chosen = choose("shapes", None, None, None, False, {"task": "detect", "size": 96})
    assert chosen.seen.size == (96, 96)
    page = choose("shapes", None, "detect", None, False, {})
    assert page.seen.size == recipes.load("detect").seen.size
