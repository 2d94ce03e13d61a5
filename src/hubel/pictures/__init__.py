"""From bytes to upright RGB pictures of the size a network wants: the one place that does it.

numpy and Pillow only: training, prediction and service see the same pixels, with or without torch.
"""

from hubel.pictures.many import preprocess_many
from hubel.pictures.preprocess import FILTERS, Placement, Preprocess, Whole, resize
from hubel.pictures.read import PictureError, list_pictures, read_picture

__all__ = [
    "FILTERS",
    "PictureError",
    "Placement",
    "Preprocess",
    "Whole",
    "list_pictures",
    "preprocess_many",
    "read_picture",
    "resize",
]
