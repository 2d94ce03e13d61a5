"""A detector made of a classifier: every window of a picture, at several scales."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import nn

from hubel.networks import Network
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess, read_picture
from hubel.pictures.read import Readable
from hubel.runtime.decode.found import Found
from hubel.runtime.decode.windows import decode
from hubel.runtime.names import unknown
from hubel.tasks.sliding import Sliding


class Windows(nn.Module):
    """A trained classifier, to be called with a picture: what it shows, and where.

    `network` and `preprocess` are the classifier's, `classes` its names. `nothing` are those of
    ground without an object; without such a class a window is judged by its score alone, and ground
    is taken for whatever it resembles. The network itself stays as it is.
    """

    def __init__(
        self,
        network: Network,
        preprocess: Preprocess,
        classes: Sequence[str],
        nothing: Collection[str] = (),
    ):
        super().__init__()
        for name in nothing:
            if name not in classes:
                raise unknown("class", name, classes)
        self.sliding = Sliding(network, preprocess.input_size)
        self.normalize = Normalize(preprocess)
        self.preprocess = preprocess
        self.nothing = [k for k, name in enumerate(classes) if name in nothing]

    @torch.no_grad()
    def forward(
        self,
        picture: Readable,
        scales: Sequence[float] = (1.0, 0.71, 0.5),
        *,
        least: float = 0.9,
        limit: float = 0.3,
        most: int = 300,
    ) -> Found:
        """Whatever `read_picture` reads -> the objects in it, in its own pixels.

        At scale s a window sees objects of its own side / s. Scales at which the picture is smaller
        than a window are left out; ValueError where these are all.
        """
        pixels = read_picture(picture, background=self.preprocess.background)
        height, width = pixels.shape[:2]
        window = self.sliding.window
        maps, used = [], []
        for scale in scales:
            size = (round(height * scale), round(width * scale))
            if size[0] >= window[0] and size[1] >= window[1]:
                seen = dataclasses.replace(self.preprocess.canvas(size), fit="squash")(pixels)
                x = torch.from_numpy(np.ascontiguousarray(seen)).permute(2, 0, 1)[None]
                maps.append(self.sliding(self.normalize(x))[0].float().numpy())
                used.append(scale)
        if not maps:
            raise ValueError(
                f"a picture of {width} x {height} is smaller than the window of {window[1]} x "
                f"{window[0]} at the scales {', '.join(f'{s:g}' for s in scales)}; give larger ones"
            )
        return decode(
            maps, used, window, self.sliding.step, border=self.preprocess.pad,
            nothing=self.nothing, least=least, limit=limit, most=most,
        )  # fmt: skip
