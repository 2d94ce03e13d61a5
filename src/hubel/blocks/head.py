"""From the last map to the logits."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from hubel.ops.layers import activation


class Classifier(nn.Sequential):
    """logits = W_n ... act(W_1 flatten(average over a grid x grid of cells)).

    (N, c_in, H, W) -> (N, c_out). Without hidden layers and with a grid of 1 it is global average
    pooling and one dense layer (Lin et al. 2013); with hidden layers the dense head of AlexNet and
    VGG. `dropout` stands in front of every dense layer but the first of several.
    """

    def __init__(
        self, c_in: int, c_out: int, stride: int = 1, *, hidden: Sequence[int] = (), grid: int = 1,
        act: str = "relu", dropout: float = 0.0,
    ):  # fmt: skip
        layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(grid), nn.Flatten()]
        width = c_in * grid * grid
        for i, c in enumerate([*hidden, c_out]):
            if dropout and (i > 0 or not hidden):
                layers.append(nn.Dropout(dropout))
            layers.append(nn.Linear(width, c))
            if i < len(hidden):
                layers += activation(act)
            width = c
        super().__init__(*layers)
