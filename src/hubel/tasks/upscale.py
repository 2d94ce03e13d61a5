"""Upscale: more pixels than there were."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.data import Loader
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess
from hubel.runtime.decode.upscale import Run, bicubic, decode, tiled
from hubel.tasks.enlarged import Enlarged
from hubel.tasks.fidelity import psnr, ssim
from hubel.tasks.upscalers import reach

Row = tuple[float, float, float, float]
"""Of a picture: PSNR, SSIM, PSNR of the bicubic enlargement, loss."""


@dataclass(frozen=True)
class Upscale:
    """The task of enlarging pictures by head["scale"].

    Targets are the large pictures, uint8 (N, 3, scale H, scale W). A preprocessing of one channel
    makes a network of luma, which leaves the chroma to the bicubic filter; one of three makes a
    network of colours. What the network gives is normalized as its input is. The scores are
    `val_loss`, `val_psnr` in dB and `val_ssim`, of the rounded picture that a user gets
    (tasks/fidelity.py), means over the pictures.
    """

    classes: tuple[str, ...]
    preprocess: Preprocess
    head: Mapping[str, Any] = field(default_factory=dict)

    name: ClassVar[str] = "upscale"
    better: ClassVar[str] = "val_psnr"
    scores: ClassVar[tuple[str, ...]] = ("val_loss", "val_psnr", "val_ssim")
    outputs: ClassVar[tuple[str, ...]] = ("picture",)

    @property
    def scale(self) -> int:
        """How many times larger each side becomes."""
        return int(self.head.get("scale", 2))

    def model(self, network: nn.Module) -> nn.Module:
        """Pictures (N, C, H, W) in 0..255 -> normalized (N, C, scale H, scale W)."""
        return nn.Sequential(OrderedDict(normalize=Normalize(self.preprocess), network=network))

    def objective(self, model: nn.Module, pictures: Tensor, targets: Tensor) -> Tensor:
        """Mean absolute difference: Lim et al. 2017 (arXiv 1707.02921), section 3.2."""
        return F.l1_loss(model(pictures).float(), model.get_submodule("normalize")(targets))

    @torch.no_grad()
    def evaluate(
        self,
        model: nn.Module,
        loader: Loader,
        names: Sequence[str],
        gather: Callable[[list[Row]], list[list[Row]]] = lambda mine: [mine],
        views: Callable[[Run], Run] = lambda run: run,
    ) -> tuple[Enlarged, dict[str, float]]:
        """Every whole picture of the loader's `Pairs`, enlarged, and the scores.

        `gather` brings together those of several processes, each of which has its share; `views`
        is one of runtime.decode.upscale.VIEWS. The model's own mode is as before afterwards.
        """
        training, device = model.training, next(model.parameters()).device
        model.eval()
        margin = reach(model.get_submodule("network"), self.preprocess.channels)
        run = views(_run(model, device))
        pairs, (rank, count) = loader.dataset, loader.share
        mine: list[Row] = []
        for i in range(len(pairs) * rank // count, len(pairs) * (rank + 1) // count):
            small, large = pairs[i].picture, pairs[i].target
            values = tiled(run, small, scale=self.scale, margin=margin)
            made = decode([values], self.preprocess, small.shape[:2], picture=small)
            plain = np.rint(bicubic(small, large.shape[:2])).clip(0, 255).astype(np.uint8)
            truth = model.get_submodule("normalize")(_tensor(large[None], device))
            loss = float((torch.from_numpy(values) - truth[0].cpu()).abs().mean())
            border = self.scale
            scores = psnr(made, large, border), ssim(made, large, border)
            mine.append((*scores, psnr(plain, large, border), loss))
        model.train(training)
        columns = np.array(list(chain(*gather(mine)))).T
        outcome = Enlarged(tuple(names), *columns)
        return outcome, dict(zip(self.scores, outcome.scores))


def _run(model: nn.Module, device: torch.device) -> Run:
    def run(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        return model(_tensor(pictures, device)).float().cpu().numpy()

    return run


def _tensor(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 3, H, W)."""
    return torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2)
