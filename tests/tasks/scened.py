"""Generated scenes as a data set of their own, for the tests of tasks that find objects."""

from __future__ import annotations

import numpy as np
import torch

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
