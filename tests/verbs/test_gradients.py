from __future__ import annotations

import pytest

import hubel


@pytest.mark.slow
def test_the_same_layers_with_and_without_auxiliary_heads():
    """The heads have their say in the gradients, and are no layers of the way to the logits."""
    names = ["googlenet,norm=none", "googlenet,norm=none,aux=False"]
    with_heads, without = hubel.gradients(names, "digits", steps=1, batch=8)
    layers = [[flow.layer for flow in course.moments[0][1]] for course in (with_heads, without)]
    assert layers[0] == layers[1]
    assert layers[0][0] == "stem.0.0.conv"
    assert not any(layer.startswith("aux") for layer in layers[0])
