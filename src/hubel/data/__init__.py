"""Pictures with targets: from any layout to batches, the same ones whenever they are asked for."""

from hubel.data.decoding import Pictures, decode
from hubel.data.loader import Loader
from hubel.data.open import open_data
from hubel.data.open_scenes import SceneData, kind_of, open_scenes
from hubel.data.scenes import Scened, Targets, decode_scenes
from hubel.data.types import Batch, Data, Finding, Sample, Source

__all__ = [
    "Batch",
    "Data",
    "Finding",
    "Loader",
    "Pictures",
    "Sample",
    "SceneData",
    "Scened",
    "Source",
    "Targets",
    "decode",
    "decode_scenes",
    "kind_of",
    "open_data",
    "open_scenes",
]
