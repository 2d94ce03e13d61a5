"""The boxes that papers draw: modules, called Block(c_in, c_out, stride=..., **options)."""

from hubel.blocks.attention import SqueezeExcite
from hubel.blocks.combine import Branches, Once, Residual, Sum, survive
from hubel.blocks.conv import Conv2d, ConvNorm, NormAct, PreConv
from hubel.blocks.head import Classifier
from hubel.blocks.mixed import Mixed
from hubel.blocks.mobile import MBConv, SeparableConv
from hubel.blocks.pool import POOLS, Pool
from hubel.blocks.rep import RepConv
from hubel.blocks.residual import EXPANSION, Basic, Bottleneck, shortcut_of
from hubel.ops.layers import ACTS, NORMS, ChannelNorm, activation, normalization

__all__ = [
    "ACTS", "EXPANSION", "NORMS", "POOLS", "Basic", "Bottleneck", "Branches", "ChannelNorm",
    "Classifier", "Conv2d", "ConvNorm", "MBConv", "Mixed", "NormAct", "Once", "Pool", "PreConv",
    "RepConv", "Residual", "SeparableConv", "SqueezeExcite", "Sum", "activation", "normalization",
    "shortcut_of", "survive",
]  # fmt: skip
