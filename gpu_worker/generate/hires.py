"""The hires fix: small images drawn first, then enlarged and drawn again, so that large ones hold together.

No upscaling network here: that is the stage `upscale`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_worker.generate.conditioning import Guides
from gpu_worker.generate.denoising import Drawing
from gpu_worker.generate.second_pass import draw_again
from gpu_worker.generate.start import Start

MULTIPLE = 8  # px; the sides of every image


def enlarge(
    pipe: Any,
    images: NDArray[np.float32],
    seeds: Sequence[int],
    guides_at: Callable[[int], list[Guides]],
    drawing: Drawing,
    scale: float,
    strength: float,
    on_step: Callable[[int], None],
) -> NDArray[np.float32]:
    """Images, float32 (N, h, w, 3) in [0, 1], `scale` times as large, with details drawn at that size.

    Sides are rounded to MULTIPLE. `guides_at`, `drawing` and `strength` as in denoise() and Start, `on_step` as in
    draw_again(). As many pixels are drawn at once as the first pass had, one image at least.
    """
    large = enlarged(images, scale)
    at_once = max(1, images.size // large[0].size)
    return draw_again(pipe, Start(large, strength), seeds, guides_at, drawing, on_step, at_once=at_once)


def enlarged(images: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Images, float32 (N, h, w, 3) in [0, 1], `scale` times as large by Lanczos' filter; sides rounded to MULTIPLE."""
    import cv2

    height, width = (max(1, round(side * scale / MULTIPLE)) * MULTIPLE for side in images.shape[1:3])
    large = [cv2.resize(image, (width, height), interpolation=cv2.INTER_LANCZOS4) for image in images]
    return np.clip(np.stack(large).astype(np.float32), 0, 1)
