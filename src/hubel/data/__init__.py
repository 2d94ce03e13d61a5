"""Pictures with targets: from any layout to batches, the same ones whenever they are asked for."""

from hubel.data.decoding import Pictures, decode
from hubel.data.loader import Loader
from hubel.data.open import open_data
from hubel.data.types import Batch, Data, Finding, Sample, Source

__all__ = [
    "Batch",
    "Data",
    "Finding",
    "Loader",
    "Pictures",
    "Sample",
    "Source",
    "decode",
    "open_data",
]
