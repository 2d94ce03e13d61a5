"""From pixel values to what a network sees: one normalization, in training and in the graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hubel.pictures.preprocess import Preprocess

# Luma of ITU-R BT.601 as Pillow rounds it. In units of 2**-16 the products and sums of 8-bit values
# are integers below 2**24, which float32 holds exactly: three equal channels give their value back,
# to the bit.
LUMA = (19595 / 65536, 38470 / 65536, 7471 / 65536)


class Normalize(nn.Module):
    """x -> (x / 255 - mean) / std, per channel.

    Takes pictures (N, C, H, W), uint8 or float in 0..255, and gives float (N, channels, H, W), with
    the channels of the preprocessing. Grey networks take the luma of colour pictures; networks of
    three channels take grey pictures three times. The constants are no part of the state dict: they
    belong to the preprocessing, which every bundle carries.

    Raises ValueError for pictures of another number of channels than 1 or 3.
    """

    scale: Tensor
    shift: Tensor
    luma: Tensor

    def __init__(self, preprocess: Preprocess):
        super().__init__()
        self.channels = preprocess.channels
        mean = torch.tensor(preprocess.mean, dtype=torch.float64).view(1, -1, 1, 1)
        std = torch.tensor(preprocess.std, dtype=torch.float64).view(1, -1, 1, 1)
        # Folded in float64 and rounded once: one multiplication and one addition per pixel.
        self.register_buffer("scale", (1 / (255 * std)).float(), persistent=False)
        self.register_buffer("shift", (-mean / std).float(), persistent=False)
        luma = torch.tensor(LUMA, dtype=torch.float32).view(1, 3, 1, 1)
        self.register_buffer("luma", luma, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 1 or 3, H, W) -> (N, channels, H, W)."""
        if pictures.ndim != 4 or pictures.shape[1] not in (1, 3):
            raise ValueError(
                f"pictures of shape {tuple(pictures.shape)}: Normalize takes (N, C, H, W) with 1 "
                "or 3 channels; move the channels to the second place"
            )
        x = pictures.to(self.scale.dtype)
        if self.channels == 1 and x.shape[1] == 3:
            x = (x * self.luma).sum(1, keepdim=True)  # (N, 1, H, W)
        # Three channels of scale and shift spread a grey picture over the channels by themselves.
        return x * self.scale + self.shift
