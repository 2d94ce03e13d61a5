"""The boxes that papers draw: modules, called Block(c_in, c_out, stride=..., **options)."""

from hubel.blocks.attention import SqueezeExcite
from hubel.blocks.combine import Branches, Residual
from hubel.blocks.conv import Conv2d, ConvNorm
from hubel.blocks.head import Classifier
from hubel.blocks.layers import ACTS, NORMS, activation, normalization
from hubel.blocks.pool import POOLS, Pool

__all__ = [
    "ACTS",
    "NORMS",
    "POOLS",
    "Branches",
    "Classifier",
    "Conv2d",
    "ConvNorm",
    "Pool",
    "Residual",
    "SqueezeExcite",
    "activation",
    "normalization",
]
