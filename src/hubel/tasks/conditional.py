"""Masks by conditional convolutions: the detector, whose every cell says a small network besides,
and prototypes that all of them look at. See runtime/decode/instances.py for what they mean.

Source: Tian, Shen, Chen 2020, CondInst (arXiv 2003.05664).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hubel.blocks import Conv2d, ConvNorm
from hubel.networks import Network
from hubel.runtime.decode.instances import REACH, layers, shapes
from hubel.tasks.assign import Assigned
from hubel.tasks.detector import Detector, stand
from hubel.tasks.necks import Pyramid, like

FINE = 4
"""The stride of the prototypes, or the largest below it that a network has."""
POINTS = 24
"""Along each side of a box where its mask is learned."""
MOST = 512
"""Cells of a batch whose masks are learned in a step."""

Outputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Boxes, objectness and classes as of `Detector`, coefficients (N, A, k) and prototypes (N, 2 + P,
h, w), of which the first two say where their cells stand.
"""


class Prototypes(nn.Module):
    """A fine map of the network and the neck's map beside or below it -> (N, 2 + P, h, w)."""

    def __init__(self, backbone: Network, neck: Pyramid, width: int, count: int, act: str):
        super().__init__()
        fine = [stride for stride in backbone.widths if stride <= FINE]
        self.stride = max(fine, default=min(backbone.widths))
        self.above = self.stride if self.stride in neck.strides else neck.strides[0]
        self.grid = backbone.grid[self.stride]
        inner = width // 2
        self.lateral = ConvNorm(backbone.widths[self.stride], inner, 1, act=act)
        self.top = ConvNorm(width, inner, 1, act=act)
        self.body = nn.Sequential(*(ConvNorm(inner, inner, 3, act=act) for _ in range(2)))
        self.out = Conv2d(inner, count, 1)

    def forward(self, features: dict[int, Tensor], maps: dict[int, Tensor]) -> Tensor:
        """Maps of the network and of the neck, by stride."""
        y = self.lateral(features[self.stride])
        y = self.out(self.body(y + like(self.top(maps[self.above]), y))).float()
        n, _, height, width = y.shape
        places = stand(*self.grid, height, width, y.device).view(1, 2, height, width)
        return torch.cat([places.expand(n, -1, -1, -1).to(y), y], 1)


class Conditional(Detector):
    """Normalized pictures (N, C, H, W) -> `Outputs`."""

    def __init__(
        self,
        backbone: Network,
        classes: int,
        *,
        width: int,
        depth: int,
        act: str,
        prototypes: int,
    ):
        kinds = shapes(prototypes)
        shape = sum(map(math.prod, kinds))
        super().__init__(backbone, classes, width=width, depth=depth, act=act, shape=shape)
        self.classes = classes
        self.prototypes = Prototypes(backbone, self.neck, width, prototypes, act)
        # All cells begin with one and the same network, initialized as any other (He et al. 2015).
        start = [torch.randn(s) * (2 / s[0]) ** 0.5 if s[0] > 1 else torch.zeros(s) for s in kinds]
        for head in self.heads.values():
            nn.init.normal_(head.get_parameter("shape.weight"), std=0.01)
            with torch.no_grad():
                head.get_parameter("shape.bias").copy_(torch.cat([w.reshape(-1) for w in start]))

    def forward(self, x: Tensor) -> Outputs:  # type: ignore[override]
        """Raises ValueError where the pictures do not fit the network."""
        features = self.backbone.features(x)
        maps = self.neck(features)
        boxes, objectness, rest = self.said(maps)
        classes, coefficients = rest[..., : self.classes], rest[..., self.classes :]
        return boxes, objectness, classes, coefficients, self.prototypes(features, maps)


def conditional(
    backbone: Network,
    classes: int,
    *,
    width: int = 96,
    depth: int = 2,
    act: str = "silu",
    prototypes: int = 8,
) -> Conditional:
    """The detector `pyramid` with masks by conditional convolutions over so many prototypes."""
    if prototypes < 1:
        raise ValueError(f"prototypes={prototypes}: at least 1 is needed, 8 are usual")
    words = {"width": width, "depth": depth, "act": act, "prototypes": prototypes}
    return Conditional(backbone, classes, **words)  # type: ignore[arg-type]


def mask_loss(outputs: Outputs, targets: Tensor, assigned: Assigned) -> Tensor:
    """Cross-entropy and Dice loss of the masks (M, H, W) of the assigned cells, the mean over
    at most MOST of them, which are spread evenly over the pairs.

    Each mask is learned at POINTS x POINTS points of its cell's box, enlarged as in use, so that
    small and large objects count and cost the same.
    """
    boxes, _, _, coefficients, prototypes = outputs
    pairs = len(assigned.cells)
    if not pairs:
        return coefficients.sum() * 0 + prototypes.sum() * 0
    some = torch.arange(min(pairs, MOST), device=boxes.device) * pairs // min(pairs, MOST)
    some = some[assigned.pictures[some].argsort(stable=True)]
    pictures, cells, objects = (x[some] for x in assigned[:3])
    box = boxes[pictures, cells].detach()
    middle, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]) / 2
    steps = (torch.arange(POINTS, device=box.device) + 0.5) * (2 / POINTS) - 1
    v, u = torch.meshgrid(REACH * steps, REACH * steps, indexing="ij")
    relative = torch.stack([u, v], -1).view(1, -1, 2)  # in half sides, (1, points, 2)
    points = middle[:, None] + relative * half[:, None]  # (pairs, points, 2)

    seen = sampled(prototypes, pictures, points)
    logits = asked(coefficients[pictures, cells], relative.expand_as(points), seen)
    height, width = targets.shape[1:]
    x, y = points.floor().long().unbind(-1)
    within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    place = objects[:, None] * height * width + y.clamp(0, height - 1) * width
    truth = targets.reshape(-1)[place + x.clamp(0, width - 1)].to(logits) * within
    crossed = F.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(1)
    chance = logits.sigmoid()
    union = chance.square().sum(1) + truth.sum(1)
    dice = 1 - (2 * (chance * truth).sum(1) + 1) / (union + 1)
    return (crossed + dice).mean()


def asked(coefficients: Tensor, relative: Tensor, seen: Tensor) -> Tensor:
    """Networks (n, k) on points: places (n, points, 2) in half sides of the box and prototypes
    there (n, points, P) -> logits (n, points), in float32.
    """
    with torch.autocast(seen.device.type, enabled=False):
        y = torch.cat([relative, seen], -1)
        for i, (weight, bias) in enumerate(layers(coefficients, seen.shape[2])):
            y = torch.baddbmm(bias, F.relu(y) if i else y, weight)
        return y[..., 0]


def sampled(prototypes: Tensor, pictures: Tensor, points: Tensor) -> Tensor:
    """The prototypes of `pictures` (n,), in their order, at points (n, points, 2) in pixels,
    bilinear: (n, points, P).
    """
    first, last = prototypes[0, :2, 0, 0], prototypes[0, :2, -1, -1]
    span = torch.where(last > first, last - first, 1)
    where = ((points - first) / span * 2 - 1).to(prototypes)  # the first cell at -1, the last at 1
    counts = pictures.bincount(minlength=len(prototypes)).tolist()
    found = [
        F.grid_sample(part[None, 2:], mine[None], padding_mode="border", align_corners=True)
        for part, mine in zip(prototypes, where.split(counts))
    ]
    return torch.cat(found, 2)[0].permute(1, 2, 0)
