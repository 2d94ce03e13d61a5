"""The names that timm and torchvision give to the tensors of some networks, in the network's order.

Without num_batches_tracked. `pairings.csv` holds their hash from the libraries themselves.
"""

from __future__ import annotations

import torch
from torch import nn


def norm(part: str) -> list[str]:
    return [f"{part}.{leaf}" for leaf in ("weight", "bias", "running_mean", "running_var")]


def dense(part: str) -> list[str]:
    return [f"{part}.weight", f"{part}.bias"]


def conv_norm(conv: str, bn: str) -> list[str]:
    return [f"{conv}.weight", *norm(bn)]


def resnet18() -> list[str]:
    """In both libraries."""
    keys = conv_norm("conv1", "bn1")
    for layer in range(1, 5):
        for i in range(2):
            block = f"layer{layer}.{i}"
            keys += conv_norm(f"{block}.conv1", f"{block}.bn1")
            keys += conv_norm(f"{block}.conv2", f"{block}.bn2")
            if layer > 1 and i == 0:
                keys += conv_norm(f"{block}.downsample.0", f"{block}.downsample.1")
    return keys + dense("fc")


def densenet121(dot: str = "") -> list[str]:
    """In both libraries; files until 2018 have a dot in "norm.1"."""
    keys = conv_norm("features.conv0", "features.norm0")
    for block, depth in enumerate((6, 12, 24, 16), 1):
        for layer in range(1, depth + 1):
            at = f"features.denseblock{block}.denselayer{layer}"
            for i in (1, 2):
                keys += [*norm(f"{at}.norm{dot}{i}"), f"{at}.conv{dot}{i}.weight"]
        if block < 4:
            at = f"features.transition{block}"
            keys += [*norm(f"{at}.norm"), f"{at}.conv.weight"]
    return keys + norm("features.norm5") + dense("classifier")


def googlenet() -> list[str]:
    """In torchvision, the auxiliary heads before the last layer."""
    keys = []
    for part in ("conv1", "conv2", "conv3"):
        keys += conv_norm(f"{part}.conv", f"{part}.bn")
    for module in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        for branch in ("1", "2.0", "2.1", "3.0", "3.1", "4.1"):
            at = f"inception{module}.branch{branch}"
            keys += conv_norm(f"{at}.conv", f"{at}.bn")
    for aux in ("aux1", "aux2"):
        keys += conv_norm(f"{aux}.conv.conv", f"{aux}.conv.bn")
        keys += dense(f"{aux}.fc1") + dense(f"{aux}.fc2")
    return keys + dense("fc")


def efficientnet_b5() -> list[str]:
    """In timm."""
    keys = conv_norm("conv_stem", "bn1")
    for stage, depth in enumerate((3, 5, 5, 7, 7, 9, 3)):
        for i in range(depth):
            at = f"blocks.{stage}.{i}"
            convs = ["conv_pw", "conv_dw", "conv_pwl"] if stage else ["conv_dw", "conv_pw"]
            for number, conv in enumerate(convs, 1):
                if number == len(convs):
                    keys += dense(f"{at}.se.conv_reduce") + dense(f"{at}.se.conv_expand")
                keys += conv_norm(f"{at}.{conv}", f"{at}.bn{number}")
    return keys + conv_norm("conv_head", "bn2") + dense("classifier")


def tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of a network as it names them, in its order."""
    return {k: x for k, x in network.state_dict().items() if "num_batches_tracked" not in k}


def sorted_by_name(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As a .safetensors file gives them back."""
    return dict(sorted(state.items()))
