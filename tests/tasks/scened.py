"""Generated scenes as a data set of their own, for the tests of tasks that find objects."""

from __future__ import annotations

import numpy as np
import torch

from hubel.data import Loader
from hubel.data.objects.shapes import read_shapes
from hubel.data.scenes import Targets
from hubel.data.types import Batch


class Shapes:
    """Scenes of `side` pixels, as they are."""

    def __init__(self, count, side, seed=0):
        scenes = read_shapes(count, 0, side, seed)
        self.scenes, self.classes = scenes.parts["train"], scenes.classes
        self.names = [scene.name for scene in self.scenes]

    def __len__(self):
        return len(self.scenes)

    def batch(self, seed, epoch, indices, augment=()):
        some = [self.scenes[i] for i in indices]
        pictures = np.stack([scene.picture for scene in some])
        counts = [len(scene.objects) for scene in some]
        masks = [mask.array() for scene in some for mask in scene.objects.masks]
        targets = Targets(
            torch.repeat_interleave(torch.arange(len(some)), torch.tensor(counts)),
            torch.from_numpy(np.concatenate([s.objects.boxes for s in some])).float(),
            torch.from_numpy(np.concatenate([s.objects.labels for s in some])),
            torch.from_numpy(np.stack(masks).astype(np.uint8)),
        )
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
        return Batch(pixels, targets, torch.from_numpy(np.asarray(indices)))

    def size(self, i):
        return self.scenes[i].size

    def truth(self, i):
        return self.scenes[i].objects


def learned(task, model, scenes, steps):
    """Train on all scenes at once for some steps of warm-up and decay; what evaluate gives."""
    optimizer = torch.optim.AdamW(model.parameters())
    loader = Loader(scenes, batch=len(scenes), seed=0)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * min(1, (step + 1) / 10) * (1 - step / steps)
        for batch in loader.epoch(step):
            loss = task.objective(model, batch.pictures, batch.targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    ordered = Loader(scenes, batch=3, seed=0, shuffle=False, drop_last=False)
    return task.evaluate(model, ordered, scenes.names)
