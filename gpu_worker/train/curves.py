"""The losses of a training as a picture: of the instance images, and of the class images beside them.

Nothing is measured here; numbers in, a PNG out.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = (720, 360)  # px
LEFT, TOP, RIGHT, BOTTOM = 56, 44, 24, 40  # px, room for the labels
SMOOTHING = 25  # train steps averaged: single losses jump with their timestep
INSTANCE, PRIOR = (30, 90, 200), (225, 120, 20)  # blue and orange stay apart for colour-blind eyes
GRID, INK = (232, 232, 232), (70, 70, 70)
LINES = 4  # of the grid
FINER = 2  # the picture is drawn this much larger, for smooth lines

Places = list[tuple[float, float]]


def draw_loss_curve(losses: Sequence[float], path: Path, prior_losses: Sequence[float] = ()) -> None:
    """Write a PNG, 720 x 360: every train step's loss, pale, and its moving average, strong.

    `prior_losses`, of the class images, are drawn in a second colour; without any, or with nothing but zeros, prior
    preservation was off and they are left out.
    """
    curves = [("loss", losses, INSTANCE)]
    if any(prior_losses):
        curves.append(("prior loss", prior_losses, PRIOR))
    top = _top([values for _, values, _ in curves])
    image = Image.new("RGB", (SIZE[0] * FINER, SIZE[1] * FINER), "white")
    draw = ImageDraw.Draw(image)
    _grid(draw, top, len(losses))
    for _, values, colour in curves:  # all pale ones first: no average is hidden by another's single losses
        draw.line(_places(values, 0, len(values), top), fill=_pale(colour), width=FINER)
    for _, values, colour in curves:
        width = min(SMOOTHING, len(values))
        mean = np.convolve(values, np.ones(width) / width, mode="valid")
        draw.line(_places(mean, width - 1, len(values), top), fill=colour, width=2 * FINER, joint="curve")
    _legend(draw, [(name, colour) for name, _, colour in curves], min(SMOOTHING, len(losses)))
    image.resize(SIZE, Image.Resampling.LANCZOS).save(path, format="PNG")


def _top(curves: Sequence[Sequence[float]]) -> float:
    """Where the picture ends: above all but single leaps."""
    return max(float(np.quantile(values, 0.99)) for values in curves) * 1.1 or 1.0


def _places(values: Sequence[float] | np.ndarray, first: int, total: int, top: float) -> Places:
    """Where `values` lie on the picture; their first belongs to train step `first` of `total`."""
    width, height = SIZE[0] - LEFT - RIGHT, SIZE[1] - TOP - BOTTOM
    scale = width / max(1, total - 1)
    return [
        (FINER * (LEFT + (first + i) * scale), FINER * (SIZE[1] - BOTTOM - min(1.0, float(v) / top) * height))
        for i, v in enumerate(values)
    ]


def _grid(draw: ImageDraw.ImageDraw, top: float, total: int) -> None:
    """Horizontal lines with their loss beside, train steps below."""
    for number in range(LINES + 1):
        value = top * number / LINES
        y = _places([value], 0, 1, top)[0][1]
        ends = [(FINER * LEFT, y), (FINER * (SIZE[0] - RIGHT), y)]
        draw.line(ends, fill=INK if number == 0 else GRID, width=FINER)
        draw.text((FINER * (LEFT - 8), y), f"{value:.3f}", fill=INK, font=_font(), anchor="rm")
    below = FINER * (SIZE[1] - BOTTOM + 8)
    draw.text((FINER * LEFT, below), "1", fill=INK, font=_font(), anchor="ma")
    draw.text((FINER * (SIZE[0] - RIGHT), below), f"{total} train steps", fill=INK, font=_font(), anchor="ra")


def _legend(draw: ImageDraw.ImageDraw, curves: Sequence[tuple[str, tuple[int, int, int]]], width: int) -> None:
    x, y = FINER * LEFT, FINER * TOP // 2
    for name, colour in curves:
        draw.line([(x, y), (x + FINER * 20, y)], fill=colour, width=3 * FINER)
        draw.text((x + FINER * 26, y), name, fill=INK, font=_font(), anchor="lm")
        x += FINER * 42 + int(_font().getlength(name))
    if width > 1:
        told = f"pale: each train step; strong: mean of {width}"
        draw.text((FINER * (SIZE[0] - RIGHT), y), told, fill=INK, font=_font(), anchor="rm")


def _pale(colour: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(255 - (255 - part) // 4 for part in colour)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=12 * FINER)
