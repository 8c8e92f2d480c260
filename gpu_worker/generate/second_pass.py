"""Images drawn again, a few at once, so that a second pass fits where the first one did.

Which images, at what size and how strongly, its callers choose: hires and face_pass.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_worker.generate.conditioning import Guides
from gpu_worker.generate.denoising import Drawing, denoise
from gpu_worker.generate.start import Start


def draw_again(
    pipe: Any,
    start: Start,
    seeds: Sequence[int],
    guides_at: Callable[[int], list[Guides]],
    drawing: Drawing,
    on_step: Callable[[int], None],
    *,
    at_once: int,
) -> NDArray[np.float32]:
    """denoise() from `start`, float32 (N, H, W, 3) in [0, 1], `at_once` images at a time.

    `on_step` is told how far all of them are, as the number of an inference step: `drawing.steps` at the end.
    """
    count = len(seeds)
    drawn = []
    for begin in range(0, count, at_once):
        part = slice(begin, min(begin + at_once, count))

        def guides(step: int, part: slice = part) -> list[Guides]:
            return guides_at(step)[part]

        def report(step: int, part: slice = part) -> None:
            on_step((part.start * drawing.steps + (part.stop - part.start) * step) // count)

        drawn.append(denoise(pipe, seeds[part], guides, drawing, report, start.part(part)))
    return np.concatenate(drawn)
