"""How a picture larger than the network's own is scored: by crops, or everywhere at once.

Both belong to papers. AlexNet averages the answers for ten crops (Krizhevsky, Sutskever, Hinton
2012, section 4.1). VGG slides over whole pictures of several sizes (Simonyan, Zisserman 2014, arXiv
1409.1556, section 3.2): dense layers become convolutions, and the scores of all places are
averaged. Here whole pictures are squares, as the decoded ones of a folder have one size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.networks import Network
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess
from hubel.tasks.sliding import to_convolutional

LARGER = ("ten-crop", "dense")
"""The views that need larger pictures than the network's own."""
MARGIN = 8 / 7
"""256 / 224: how much larger the picture is where the preprocessing itself cuts nothing."""
SCALES = (7 / 8, 1.0, 9 / 8)
"""224, 256 and 288 of 256: S - 32, S and S + 32 as in VGG's section 4.2."""


def canvas(preprocess: Preprocess, scale: float = 1.0) -> tuple[int, int]:
    """(height, width) of the picture that the preprocessing cuts its own size from, times scale,
    but never less than what the network sees.
    """
    factor = scale * (1 / preprocess.crop if preprocess.crop < 1 else MARGIN)
    sides = zip(preprocess.size, preprocess.input_size)
    height, width = (max(round(side * factor), seen) for side, seen in sides)
    return height, width


def ten_crop(pictures: NDArray[np.uint8], size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """(N, H, W, C) -> ten times (N, *size, C): four corners, the centre, and their mirror images.

    ValueError where the pictures are smaller than that.
    """
    (height, width), (h, w) = pictures.shape[1:3], size
    if height < h or width < w:
        raise ValueError(f"crops of {h}x{w} from pictures of {height}x{width}; they must fit in")
    bottom, right = height - h, width - w
    places = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    crops = [pictures[:, top : top + h, left : left + w] for top, left in places]
    return crops + [crop[:, :, ::-1] for crop in crops]


class Dense(nn.Module):
    """Pictures (N, C, H, W) in 0..255, at least as large as the network's own -> logits (N, K).

    They are the means of the logits for every window of a picture, in one pass. Raises ValueError
    for modules of one's own and heads that have no convolutional form.
    """

    def __init__(self, network: nn.Module, preprocess: Preprocess):
        super().__init__()
        if not isinstance(network, Network):
            name = type(network).__name__
            raise ValueError(f"dense scoring of {name}: it is for networks of `hubel networks`")
        self.normalize = Normalize(preprocess)
        self.sliding = to_convolutional(network, preprocess.input_size)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K)."""
        return self.sliding(self.normalize(pictures)).mean((2, 3))
