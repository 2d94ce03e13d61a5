"""Hubel: the whole convolutional network, from the first filter to the model in service.

The public names are loaded when they are first used, so that `import hubel` costs nothing and needs no torch.
"""

__version__ = "0.1.0"
