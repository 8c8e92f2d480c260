"""How much error do tiles leave at their borders? The tiled image against the same image in one tile.

Which overlap is enough, is read from the table; what it costs is upscale's to tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_worker.upscale import OVERLAPS
from gpu_worker.upscale.networks import ncnn_enlarger
from gpu_worker.upscale.tiles import SCALE, Enlarger, enlarge_tiled

SIZE = (64, 160)  # px; two tiles side by side
NEAR = 8  # px of the small image on both sides of the border
FAR = 50
TRIED = (4, 10, 16, 24, 32)


@dataclass(frozen=True)
class Errors:
    """In levels of 255: near the border the mean and the largest, elsewhere the mean; and the step that one sees."""

    near: float
    worst: float
    elsewhere: float
    step: float


def border_error(model: str, photo: NDArray[np.uint8]) -> float:
    """Print the errors of `model` by overlap; the mean one near borders at the overlap that the stage takes."""
    image, enlarge = photo[: SIZE[0], : SIZE[1]], ncnn_enlarger(model)
    whole = enlarge_tiled(image, enlarge, SIZE[1], 0)
    print(f"{model}: error in levels of 255 by overlap, against one tile")
    print(f"  {'px':>4} {'near':>7} {'worst':>6} {'elsewhere':>9} {'step':>6}")
    chosen = OVERLAPS[model]
    found = {overlap: _errors(image, whole, enlarge, overlap) for overlap in sorted({*TRIED, chosen})}
    for overlap, told in found.items():
        mark = "  <- the stage's" if overlap == chosen else ""
        row = f"  {overlap:4d} {told.near:7.3f} {told.worst:6.1f} {told.elsewhere:9.4f} {told.step:6.3f}{mark}"
        print(row, flush=True)
    return found[chosen].near


def _errors(image: NDArray[np.uint8], whole: NDArray[np.uint8], enlarge: Enlarger, overlap: int) -> Errors:
    tiled = enlarge_tiled(image, enlarge, SIZE[1] // 2, overlap).astype(float)
    error, border = tiled - whole, SIZE[1] // 2 * SCALE
    near = np.abs(error[:, border - NEAR * SCALE : border + NEAR * SCALE])
    elsewhere = np.abs(np.hstack([error[:, : border - FAR * SCALE], error[:, border + FAR * SCALE :]]))
    step = np.abs(np.diff(error, axis=1)).mean(axis=(0, 2))  # from column to column, beyond what the image has
    around = step[border - NEAR * SCALE : border + NEAR * SCALE]
    return Errors(float(near.mean()), float(near.max()), float(elsewhere.mean()), float(around.max()))
