"""Answers drawn over the picture they were found in."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hubel.runtime.decode.masks import box_of

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
    image, times = readable(Image.fromarray(picture).convert("RGB"))
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


def draw_masks(
    picture: NDArray[np.uint8], masks: NDArray[np.bool_], texts: Sequence[str]
) -> NDArray[np.uint8]:
    """Masks (n, h, w) over their picture (h, w, 3), each in a colour of its own with its edge drawn
    and its text in the middle where there is room; the first lie on top.
    """
    image, times = readable(Image.fromarray(picture).convert("RGB"))
    drawn = np.array(image)
    boxes = [[round(x) for x in box_of(mask)] for mask in masks]
    for k in reversed(range(len(masks))):
        x1, y1, x2, y2 = boxes[k]
        inside = masks[k, y1:y2, x1:x2].repeat(times, 0).repeat(times, 1)
        part = drawn[y1 * times : y2 * times, x1 * times : x2 * times]
        part[inside] = part[inside] // 2 + np.array(colour(k), np.uint8) // 2
        part[inside & ~worn(inside)] = colour(k)
    image = Image.fromarray(drawn)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(max(9, min(image.size) // 40))
    for k, ((x1, y1, x2, y2), text) in enumerate(zip(boxes, texts)):
        middle = ((x1 + x2) * times / 2, (y1 + y2) * times / 2)
        left, top, right, bottom = pen.textbbox(middle, text, font, "mm")
        if right - left < (x2 - x1) * times and bottom - top < (y2 - y1) * times:
            pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=colour(k))
            pen.text(middle, text, (0, 0, 0), font, "mm")
    return np.asarray(image)


def readable(image: Image.Image) -> tuple[Image.Image, int]:
    """A small picture enlarged, and how many times."""
    times = max(1, round(READABLE / min(image.size)))
    size = (image.width * times, image.height * times)
    return image.resize(size, Image.Resampling.NEAREST), times


def worn(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask (h, w) without the pixels at its edge."""
    left = np.pad(mask, 1)
    return left[1:-1, 1:-1] & left[:-2, 1:-1] & left[2:, 1:-1] & left[1:-1, :-2] & left[1:-1, 2:]


def draw_map(
    picture: NDArray[np.uint8], numbers: NDArray[np.uint8], classes: Sequence[str]
) -> NDArray[np.uint8]:
    """The classes of all pixels (h, w) as colours over their picture (h, w, 3), with names within
    them where there is room; pixels beyond the classes stay as they are.
    """
    colours = np.array([colour(k) for k in range(len(classes))], np.uint8)
    known = numbers < len(classes)
    drawn = picture.copy()
    drawn[known] = picture[known] // 2 + colours[numbers[known]] // 2
    image, times = readable(Image.fromarray(drawn))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(max(9, min(image.size) // 30))
    for k in np.unique(numbers[known]).tolist():
        x, y, room = middle(numbers == k)
        left, top, right, bottom = pen.textbbox((x * times, y * times), classes[k], font, "mm")
        if room * times * 2 >= bottom - top:
            pen.rectangle((left - 2, top - 1, right + 2, bottom + 1), fill=colour(k))
            pen.text((x * times, y * times), classes[k], (0, 0, 0), font, "mm")
    return np.asarray(image)


def middle(mask: NDArray[np.bool_]) -> tuple[float, float, int]:
    """A place x, y deep within a mask (h, w), and about how far it is from the edge, in pixels."""
    step = max(1, min(mask.shape) // 96)
    if not mask[::step, ::step].any():  # too small to be met by every step-th pixel
        step = 1
    left = deepest = mask[::step, ::step]
    rounds = 0
    while left.any():
        deepest, rounds, left = left, rounds + 1, worn(left)
    ys, xs = np.nonzero(deepest)
    nearest = np.argmin((ys - np.median(ys)) ** 2 + (xs - np.median(xs)) ** 2)
    return float(xs[nearest] * step), float(ys[nearest] * step), rounds * step
