"""The page for blood cells, on the pictures that it is for."""

from __future__ import annotations

import numpy as np
import torch

from hubel import recipes
from hubel.data import open_scenes
from hubel.networks import create
from hubel.tasks.detect import Detect
from hubel.training.fit import Trainer
from hubel.verbs.gather import gather


def test_it_steps_on_the_cells_it_is_for(data):
    scenes = open_scenes(data / "bccd")
    assert (len(scenes.train), len(scenes.val)) == (205, 87)
    recipe = recipes.load("cells").replace(pictures=8, steps=4, threads=1)
    found = gather(recipe, scenes, None, False)
    assert found.classes == ("Platelets", "RBC", "WBC")
    torch.manual_seed(0)
    task = Detect(found.classes, recipe.seen, head=recipe.head)
    network = task.around(create(recipe.network, **recipe.words))
    made = Trainer(recipe, task, network, found.train, found.val)
    state, losses = made.state(made.model), []
    for epoch in range(4):
        (batch,) = made.loader.epoch(epoch)
        assert np.isin([0, 1, 2], batch.targets.labels).all()
        for step in state.steps:
            step(state, batch)
        state.step += 1
        losses.append(float(state.loss))
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
