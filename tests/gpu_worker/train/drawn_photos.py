"""A job's folders with photos simple enough to say what every pixel and every alpha must be."""

from pathlib import Path

import numpy as np

from gpu_worker.images import write_png

RED, BLUE = np.array([255, 0, 0], np.uint8), np.array([0, 0, 200], np.uint8)
SIDE = 96  # px
SUBJECT = slice(30, 66), slice(12, 60)  # rows and columns, left of the middle


def photo() -> np.ndarray:
    """A red square in a blue room, uint8 (SIDE, SIDE, 3)."""
    pixels = np.tile(BLUE, (SIDE, SIDE, 1))
    pixels[SUBJECT] = RED
    return pixels


def alpha() -> np.ndarray:
    """255 where the photo is red, uint8 (SIDE, SIDE)."""
    return (photo()[:, :, 0] > 0).astype(np.uint8) * 255


def draw_job(inputs: Path, *, photos: int = 1, matted: bool = True, made: int = 0) -> Path:
    """preprocess/ and matte/ with so many photos and made photos; returns `inputs`."""
    for folder in ("preprocess/instance", "matte/cutout", "matte/made/alpha"):
        (inputs / folder).mkdir(parents=True)
    for number in range(1, photos + 1):
        write_png(photo(), inputs / f"preprocess/instance/{number:03d}.png")
        if matted:
            cutout = np.dstack([np.tile(RED, (SIDE, SIDE, 1)), alpha()])
            write_png(cutout, inputs / f"matte/cutout/{number:03d}.png")
    for number in range(1, made + 1):
        write_png(photo(), inputs / f"matte/made/{number:03d}.png")
        write_png(alpha(), inputs / f"matte/made/alpha/{number:03d}.png")
    return inputs
