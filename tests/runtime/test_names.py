"""An unknown name is answered with the nearest."""

from __future__ import annotations

import pytest

from hubel.runtime.names import unknown


@pytest.mark.parametrize(
    ("word", "known", "message"),
    [
        ("resent50", ["resnet50", "vgg16"], "unknown network 'resent50'; did you mean 'resnet50'?"),
        ("ResNet50", ["resnet50"], "unknown network 'ResNet50'; did you mean 'resnet50'?"),
        ("xyz", ["b", "a", "a"], "unknown network 'xyz'; known: a, b"),
        ("xyz", [], "unknown network 'xyz'; there is none"),
        (None, ["a"], "unknown network 'None'; known: a"),
    ],
)
def test_messages(word, known, message):
    assert str(unknown("network", word, known)) == message


def test_a_long_list_is_cut():
    message = str(unknown("network", "?", [f"n{i:02}" for i in range(50)]))
    assert message.endswith("n18, n19 and 30 more")
