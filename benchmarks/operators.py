"""Names for a torchvision without its compiled operators, so that its networks and timm's can be
compared: they use none of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import library

OPERATORS = ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")
KEPT: list[Any] = []
"""As long as these live, their names do."""


def operators() -> None:
    """Define those that are missing."""
    if hasattr(torch.ops.torchvision, "nms"):
        return
    names = vars(library)["Library"]("torchvision", "DEF")
    for name in OPERATORS:
        for form in (name, f"_{name}_backward"):
            names.define(f"{form}(Tensor x) -> Tensor")
    KEPT.append(names)
