"""The sliding window as one pass: dense layers are convolutions that fit their map exactly.

Source: Sermanet et al. 2013, OverFeat (arXiv 1312.6229), section 3.5 and figure 5; LeCun et al.
1998, section VII (space displacement networks).
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from hubel.networks import Network


class Sliding(nn.Module):
    """A network that gives logits for every window of a picture, in one pass.

    `window` is the side (H, W) of the pictures it was made for; windows stand `step` pixels apart,
    the first at the upper left corner. At the original size the one window's logits are those of
    the network. On larger pictures they equal those of the crops exactly where the network has no
    padding; with padding, crops see an edge of zeros where the pass sees the picture.
    """

    def __init__(self, network: Network, size: int | tuple[int, int] | None = None):
        super().__init__()
        spec = network.spec
        height, width = (size, size) if isinstance(size, int) else size or (spec.size, spec.size)
        self.window = (height, width)
        self.step = round(network.grid[max(network.grid)][0])
        network = deepcopy(network).eval()
        self.body = nn.Sequential(network.stem, network.stages)
        with torch.no_grad():
            x = next(network.parameters()).new_zeros(1, spec.channels, height, width)
            self.head = _convolutional(network.head, self.body(x))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, C, H, W), at least a window -> logits (N, classes, rows, columns)."""
        if min(a - b for a, b in zip(x.shape[2:], self.window)) < 0:
            raise ValueError(
                f"pictures of {'x'.join(map(str, x.shape[2:]))} are smaller than the window of "
                f"{'x'.join(map(str, self.window))}; enlarge them"
            )
        return self.head(self.body(x))


def to_convolutional(network: Network, size: int | tuple[int, int] | None = None) -> Sliding:
    """The network with its dense layers as convolutions: logits for every window of a picture.

    `size` is that of the pictures it was trained on, by default the paper's. The network itself
    stays as it is; the copy is in evaluation mode. ValueError for a head that has no such form.
    """
    return Sliding(network, size)


def difference(sliding: Sliding, network: nn.Module, pictures: Tensor) -> float:
    """The largest difference between the one pass and the network on the crops, relative to the
    largest logit of the crops: 0 but for rounding without padding.

    `pictures` is (N, C, H, W), larger than the window; every window is cut out and run by itself.
    """
    (height, width), step = sliding.window, sliding.step
    with torch.no_grad():
        whole = sliding(pictures)  # (N, classes, rows, columns)
        crops = [
            network(pictures[:, :, step * i : step * i + height, step * j : step * j + width])
            for i in range(whole.shape[2])
            for j in range(whole.shape[3])
        ]
    each = torch.stack(crops, -1).unflatten(-1, whole.shape[2:])
    return float((whole - each).abs().max() / each.abs().max())


class _EachPosition(nn.Module):
    """A layer for vectors (N, C), used at every position of a map (N, C, H, W)."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H, W)."""
        vectors = x.permute(0, 2, 3, 1)
        made = self.layer(vectors.flatten(0, 2))
        return made.unflatten(0, vectors.shape[:3]).permute(0, 3, 1, 2)


def _convolutional(head: nn.Module, x: Tensor) -> nn.Sequential:
    """The head's layers as convolutions and poolings of one window's map x (1, C, H, W)."""
    layers: list[nn.Module] = []
    flat: tuple[int, ...] | None = None  # the map that the next dense layer sees whole
    for layer in _leaves(head):
        new = layer
        if isinstance(layer, nn.AdaptiveAvgPool2d):
            new = _pool(layer, x)
        elif isinstance(layer, nn.Flatten):
            flat, new = None if x.shape[2:] == (1, 1) else tuple(x.shape[1:]), nn.Identity()
        elif isinstance(layer, nn.Linear):
            c, h, w = flat or (x.shape[1], 1, 1)
            new = nn.Conv2d(c, layer.out_features, (h, w), bias=layer.bias is not None).to(x)
            flat = None
            new.weight.copy_(layer.weight.reshape(new.weight.shape))
            if new.bias is not None:
                new.bias.copy_(layer.bias)
        elif _of_vectors(layer):
            new = _EachPosition(layer)
        layers.append(new)
        x = new(x)
        if x.ndim != 4:
            raise ValueError(f"the head {type(layer).__name__} has no convolutional form")
    return nn.Sequential(*(layer for layer in layers if not isinstance(layer, nn.Identity))).eval()


def _pool(layer: nn.AdaptiveAvgPool2d, x: Tensor) -> nn.Module:
    """Averages over so many cells of the window's map as the adaptive ones cover there."""
    grid: Any = layer.output_size
    rows, columns = (grid, grid) if isinstance(grid, int) else grid
    h, w = x.shape[2:]
    if (h, w) == (rows, columns):
        return nn.Identity()
    if rows != 1 or columns != 1:
        raise ValueError(
            f"a head over {rows}x{columns} cells has no convolutional form for a map of {h}x{w}; "
            f"give the size at which its map is {rows}x{columns}"
        )
    return nn.AvgPool2d((h, w), stride=1)


def _of_vectors(layer: nn.Module) -> bool:
    """Whether it takes (N, C) only: the codes of LeNet-5, a norm over the last axis."""
    return type(layer) is nn.LayerNorm or hasattr(layer, "codes")


def _leaves(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of sequences within sequences, in order."""
    if isinstance(module, nn.Sequential):
        if type(module).forward is not nn.Sequential.forward:
            raise ValueError(f"the head {type(module).__name__} has no convolutional form")
        for part in module:
            yield from _leaves(part)
    else:
        yield module
