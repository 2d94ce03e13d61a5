"""The first convolution set to the whitening of the training pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COUNT = 5000
"""Pictures whose patches are looked at."""


@torch.no_grad()
def whiten(model: nn.Module, pictures: Tensor, eps: float = 5e-4) -> None:
    """W = +-E^T / sqrt(L + eps), with the covariance of patches E L E^T, longest axes first.

    `model` is a normalization and a network, pictures (N, C, H, W) are in 0..255. The outputs of
    the first convolution are then uncorrelated over the pictures, each with its negative, so that
    a rectifier loses nothing. Source: Jordan 2024 (arXiv 2404.00498), section 3.2. ValueError for a
    network whose first convolution has more filters than there are axes, or an odd number of them.
    """
    network, normalize = model.get_submodule("network"), model.get_submodule("normalize")
    conv = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    if conv is None:
        raise ValueError("whiten: the network has no convolution; leave whiten=True out")
    axes = conv.in_channels * conv.kernel_size[0] * conv.kernel_size[1]
    if conv.groups > 1 or conv.out_channels % 2 or conv.out_channels > 2 * axes:
        raise ValueError(
            f"whiten: the first convolution has {conv.out_channels} filters; patches of "
            f"{conv.kernel_size[0]}x{conv.kernel_size[1]} and {conv.in_channels} channels give an "
            f"even number of at most {2 * axes}; leave whiten=True out for this network"
        )
    patches = F.unfold(normalize(pictures.to(conv.weight.device)), conv.kernel_size)
    patches = patches.transpose(1, 2).flatten(0, 1).double()  # (patches, axes)
    lengths, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / (lengths + eps).sqrt()).T.flip(0)[: conv.out_channels // 2]
    conv.weight.copy_(torch.cat([filters, -filters]).view_as(conv.weight))
