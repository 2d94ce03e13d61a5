"""How a picture larger than the network's own is scored: by crops, or everywhere at once.

Both belong to papers. AlexNet averages the answers for ten crops (Krizhevsky, Sutskever, Hinton
2012, section 4.1). VGG slides over whole pictures of several sizes (Simonyan, Zisserman 2014, arXiv
1409.1556, section 3.2): dense layers become convolutions, and the scores of all places are
averaged.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hubel.blocks import Classifier
from hubel.networks import Network
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess

MARGIN = 8 / 7
"""256 / 224: how much larger the picture is where the preprocessing itself cuts nothing."""
SCALES = (7 / 8, 1.0, 9 / 8)
"""224, 256 and 288 of 256: S - 32, S and S + 32 as in VGG's section 4.2."""


def canvas(preprocess: Preprocess, scale: float = 1.0) -> tuple[int, int]:
    """(height, width) of the picture that the preprocessing cuts its own size from, times scale."""
    factor = scale * (1 / preprocess.crop if preprocess.crop < 1 else MARGIN)
    height, width = (round(side * factor) for side in preprocess.size)
    return height, width


def ten_crop(pictures: NDArray[np.uint8], size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """(N, H, W, C) -> ten times (N, *size, C): four corners and the centre, and their mirror images.

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
    """Pictures (N, C, H, W) in 0..255, as large as the network's own or larger -> logits (N, K).

    The logits are the means of those at all places the network can stand at, one stride apart.
    Where it ends in global average pooling and one dense layer, this is what it gives by itself.
    Raises ValueError for networks that take one size only.
    """

    def __init__(self, network: nn.Module, preprocess: Preprocess):
        super().__init__()
        if not isinstance(network, Network):
            name = type(network).__name__
            raise ValueError(f"dense scoring of {name}: it is for networks of `hubel networks`")
        network = copy.deepcopy(network)
        for row in network.head:
            for place, block in enumerate(row.children()):
                if isinstance(block, Classifier):
                    row[place] = convolutional(block)  # type: ignore[operator]
        self.normalize, self.network = Normalize(preprocess), network.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K)."""
        return self.network(self.normalize(pictures))


def convolutional(head: Classifier) -> nn.Sequential:
    """The dense layers over a grid of g x g cells as a g x g convolution and 1x1 ones behind it.

    (N, c_in, H, W) of at least g x g -> (N, c_out), the mean over all places.
    """
    pool, _, *layers = head.children()
    grid = int(pool.output_size)  # type: ignore[arg-type]
    if grid == 1:
        return head
    made: list[nn.Module] = []
    for layer in layers:
        if not isinstance(layer, nn.Linear):
            made.append(layer)
            continue
        c_in = layer.in_features // grid**2
        conv = nn.Conv2d(c_in, layer.out_features, grid, bias=layer.bias is not None)
        with torch.no_grad():
            conv.weight.copy_(layer.weight.view_as(conv.weight))
            if layer.bias is not None and conv.bias is not None:
                conv.bias.copy_(layer.bias)
        made.append(conv)
        grid = 1
    return nn.Sequential(*made, nn.AdaptiveAvgPool2d(1), nn.Flatten())
