"""Published tensors in a network: reading, pairing of names, the report of what was loaded."""

from hubel.weights.load import Report, load

__all__ = ["Report", "load"]
