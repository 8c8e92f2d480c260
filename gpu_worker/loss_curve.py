"""The loss curve of a training as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIZE = (720, 360)  # px
MARGIN = 48  # px, room for the labels
SMOOTHING = 25  # train steps averaged: single losses jump with their timestep


def draw_loss_curve(losses: Sequence[float], path: Path) -> None:
    """Every train step's loss in grey, their moving average in blue; a PNG."""
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    top = float(np.quantile(losses, 0.99)) * 1.1 or 1.0
    width = min(SMOOTHING, len(losses))
    smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
    draw.line(_points(losses, 0, len(losses), top), fill=(205, 205, 205))
    draw.line(_points(smooth, width - 1, len(losses), top), fill=(30, 90, 200), width=2)
    left, bottom = MARGIN, SIZE[1] - MARGIN
    draw.line([(left, MARGIN), (left, bottom), (SIZE[0] - MARGIN, bottom)], fill="black")
    draw.text((4, MARGIN - 6), f"{top:.3f}", fill="black")
    draw.text((4, bottom - 6), "0", fill="black")
    draw.text((SIZE[0] - 2 * MARGIN, bottom + 8), f"{len(losses)} train steps", fill="black")
    draw.text((left + 8, MARGIN - 20), f"loss, and its mean over {width} train steps", fill="black")
    image.save(path)


def _points(values: Sequence[float] | np.ndarray, first: int, total: int, top: float) -> list[tuple[float, float]]:
    """Places on the picture of `values`, whose first belongs to train step `first` of `total`."""
    width, height = SIZE[0] - 2 * MARGIN, SIZE[1] - 2 * MARGIN
    scale = width / max(1, total - 1)
    return [
        (MARGIN + (first + i) * scale, SIZE[1] - MARGIN - min(1.0, float(v) / top) * height)
        for i, v in enumerate(values)
    ]
