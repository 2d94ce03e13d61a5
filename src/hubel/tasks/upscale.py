"""Upscale: more pixels than there were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.data import Loader
from hubel.data.pairs import Pairs
from hubel.pictures import Preprocess
from hubel.runtime.decode.upscale import (
    Larger,
    Run,
    bicubic,
    decode,
    normalized,
    rounded,
    tiled,
)
from hubel.runtime.names import unknown
from hubel.tasks.enlarged import Enlarged, Row
from hubel.tasks.fidelity import luma, psnr, ssim
from hubel.tasks.task import InPicture
from hubel.tasks.upscalers import SCALES, create, reach

CHANNELS = {1: ("luma",), 3: ("red", "green", "blue")}
"""What a network of so many channels gives for a pixel: the classes of the task."""

DETAIL = 64
"""Side of what the report shows of a picture."""


@dataclass(frozen=True)
class Upscale(InPicture):
    """The task of enlarging pictures by head["scale"]: 2, 3 or 4.

    Targets are the large pictures, uint8 (N, 3, scale H, scale W). A preprocessing of one channel
    makes a network of luma, which leaves the chroma to the bicubic filter; one of three makes a
    network of colours. What the network gives is normalized as its input is. The scores are
    `val_loss`, `val_psnr` in dB and `val_ssim`, of the rounded picture that a user gets
    (tasks/fidelity.py), means over the pictures.
    """

    name = "upscale"
    data = "pairs"
    better = "val_psnr"
    scores: ClassVar[tuple[str, ...]] = ("val_loss", "val_psnr", "val_ssim")
    answers: ClassVar[Any] = Enlarged
    outputs: ClassVar[tuple[str, ...]] = ("picture",)

    @property
    def scale(self) -> int:
        """How many times larger each side becomes."""
        return scale_of(self.head)

    def network(self, name: str, **words: Any) -> nn.Module:
        """One of tasks/upscalers.py, or one's own, which is given the scale."""
        if ":" in name:
            return super().network(name, scale=self.scale, **words)
        return create(name, scale=self.scale, channels=self.preprocess.channels, **words)

    def objective(self, model: nn.Module, pictures: Tensor, targets: Tensor) -> Tensor:
        """Mean absolute difference: Lim et al. 2017 (arXiv 1707.02921), section 3.2."""
        return F.l1_loss(model(pictures).float(), model.get_submodule("normalize")(targets))

    @torch.no_grad()
    def evaluate(
        self,
        model: nn.Module,
        loader: Loader,
        names: Sequence[str],
        gather: Callable[[Any], list[Any]] = lambda mine: [mine],
        views: Any = lambda run: run,
    ) -> tuple[Enlarged, dict[str, float]]:
        """Every whole picture of the loader's `Pairs`, enlarged, and the scores.

        `gather` brings together those of several processes, each of which has its share; `views`
        is one of runtime.decode.upscale.VIEWS. The model's own mode is as before afterwards.
        """
        training, device = model.training, next(model.parameters()).device
        model.eval()
        margin = reach(model.get_submodule("network"), self.preprocess.channels)

        def run(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
            return model(_tensor(pictures).to(device)).float().cpu().numpy()

        pairs, (rank, count) = loader.dataset, loader.share
        share = range(len(pairs) * rank // count, len(pairs) * (rank + 1) // count)
        mine = list(scored(views(run), pairs, share, self.preprocess, margin))
        model.train(training)
        outcome = Enlarged.of(names, list(chain(*gather(mine))), self.scale, margin)
        return outcome, dict(zip(self.scores, outcome.scores))

    def truth(self, dataset: Any, index: int) -> Larger:
        """The large picture that a whole one was made from."""
        return Larger(dataset[index].target)

    def shown(
        self, dataset: Any, index: int, picture: NDArray[Any], seen: Any
    ) -> tuple[NDArray[Any], ...]:
        """Truth, answer and bicubic enlargement where the last errs most, DETAIL pixels a side."""
        large = np.asarray(dataset[index].target)
        plain = rounded(bicubic(picture, large.shape[:2]))
        error = (luma(plain) - luma(large)) ** 2
        side = [min(DETAIL, n) for n in error.shape]
        sums = np.pad(error, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
        (h, w), at = side, [slice(n, None) for n in side]
        each = sums[at[0], at[1]] - sums[:-h, at[1]] - sums[at[0], :-w] + sums[:-h, :-w]
        top, left = np.unravel_index(each.argmax(), each.shape)
        return tuple(x[top : top + h, left : left + w] for x in (large, seen.pixels, plain))

    def target(self, targets: Tensor, n: int, size: tuple[int, int]) -> Larger:
        """The large patch number n."""
        return Larger(targets[n].permute(1, 2, 0).numpy())

    def thresholds(self, outcome: Enlarged) -> dict[str, float]:
        """How far the network sees, for tiles."""
        return {"margin": outcome.margin}


def scale_of(head: Mapping[str, Any]) -> int:
    """The scale that the words of the head say, 2 where they say none; ValueError for others."""
    for word in head:
        if word != "scale":
            raise unknown("word of the task upscale", word, ["scale"])
    scale = head.get("scale", 2)
    if scale not in SCALES:
        raise ValueError(
            f"scale={scale!r}: pictures are enlarged {', '.join(map(str, SCALES))} times"
        )
    return int(scale)


def scored(
    run: Run, pairs: Pairs, indices: Iterable[int], preprocess: Preprocess, margin: int
) -> Iterator[Row]:
    """The scores of whole pictures."""
    for i in indices:
        small, large = pairs[i].picture, np.asarray(pairs[i].target)
        values = tiled(run, small, margin=margin)
        made, plain = decode(values, preprocess, small), rounded(bicubic(small, large.shape[:2]))
        loss = float(np.abs(values - normalized(large, preprocess)).mean(dtype=np.float64))
        border = pairs.scale
        yield psnr(made, large, border), ssim(made, large, border), psnr(plain, large, border), loss


def _tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """uint8 (N, H, W, 3) -> (N, 3, H, W)."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)
