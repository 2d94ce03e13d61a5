"""Pictures with objects, from any of the usual files and into any of them."""

from hubel.data.objects.mask import Mask
from hubel.data.objects.open import FORMATS, open_objects, write_objects
from hubel.data.objects.types import Objects, Scene, Scenes, Thing
from hubel.runtime.decode.masks import encode

__all__ = [
    "FORMATS", "Mask", "Objects", "Scene", "Scenes", "Thing", "encode", "open_objects",
    "write_objects",
]  # fmt: skip
