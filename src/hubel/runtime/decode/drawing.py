"""Answers drawn over the picture they were found in."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

READABLE = 360
"""Pixels that the shorter side of a drawing has at least, or nearly so."""


def colour(k: int) -> Colour:
    """The colour of class k: hues a golden section of the circle apart, so that any first few of
    them are far from each other.
    """
    r, g, b = colorsys.hsv_to_rgb((0.58 + k * 0.618034) % 1, 0.75, 1.0)
    return round(255 * r), round(255 * g), round(255 * b)


def draw_boxes(
    picture: NDArray[np.uint8],
    boxes: NDArray[np.floating],
    labels: Sequence[int],
    texts: Sequence[str],
) -> NDArray[np.uint8]:
    """Boxes (n, 4) in pixels over a picture (h, w, 3), each in the colour of its class and with a
    text at its upper edge; gives a new picture, a small one enlarged so that it can be read.
    """
    image = Image.fromarray(picture).convert("RGB")
    times = max(1, round(READABLE / min(image.size)))
    image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(image)
    side = min(image.size)
    line, font = max(1, side // 200), ImageFont.load_default(max(9, side // 34))
    boxes = boxes * times
    for (x1, y1, x2, y2), k in zip(boxes.tolist(), labels):
        # Pillow's coordinates name pixels, ours their corners.
        pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour(k), width=line)
    for (x1, y1, _, _), k, text in zip(boxes.tolist(), labels, texts):
        _, top, wide, tall = pen.textbbox((0, 0), text, font)
        y = y1 - tall if y1 >= tall else y1
        x = max(0.0, min(x1, image.width - wide))
        pen.rectangle((x, y + top - 1, x + wide, y + tall), fill=colour(k))
        pen.text((x, y), text, (0, 0, 0), font)
    return np.asarray(image)
