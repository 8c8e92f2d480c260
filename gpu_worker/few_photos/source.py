"""What few-photo help starts from: a good photo, its alpha, its subject's colours and its face box.

How they were found is not known here, and nothing is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_SOURCES = 20  # as many photos as a job takes
MIN_SIDE = 16  # px; less is no photo, and filters need neighbours

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Source:
    """One instance image with what was found in it.

    `image` and `foreground` are sRGB, uint8 (H, H, 3): the photo, and the subject's own colours also where the
    background shone through. `alpha` is the subject's share of each pixel, (H, H), uint8 in 0..255 or float in
    0..1. `face` is the face's box (x, y, width, height) as shares of the side.
    """

    image: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | NDArray[np.floating]
    foreground: NDArray[np.uint8]
    face: Box

    @property
    def side(self) -> int:
        """H, px."""
        return len(self.image)

    @property
    def opacity(self) -> NDArray[np.float32]:
        """`alpha` as float32 (H, H) in [0, 1]."""
        scale = 255 if self.alpha.dtype == np.uint8 else 1
        return np.clip(np.asarray(self.alpha, np.float32) / scale, 0, 1)

    @property
    def face_inside(self) -> Box:
        """The part of `face` that the image shows: detectors guess on past the border."""
        x, y, width, height = self.face
        left, top = max(0.0, x), max(0.0, y)
        return left, top, min(1.0, x + width) - left, min(1.0, y + height) - top


def check_sources(sources: Sequence[Source]) -> None:
    """Raise ValueError unless there are 1 to MAX_SOURCES whole sources."""
    if not 1 <= len(sources) <= MAX_SOURCES:
        raise ValueError(f"few-photo help takes 1 to {MAX_SOURCES} sources, not {len(sources)}")
    for number, source in enumerate(sources):
        problem = _problem(source)
        if problem:
            raise ValueError(f"source {number}: {problem}")


def _problem(source: Source) -> str | None:
    side = source.side
    if side < MIN_SIDE:
        return f"smaller than {MIN_SIDE} px"
    if source.image.shape != (side, side, 3) or source.image.dtype != np.uint8:
        return "the image is not uint8 (H, H, 3)"
    if source.foreground.shape != source.image.shape or source.foreground.dtype != np.uint8:
        return "the foreground is not uint8 (H, H, 3) like the image"
    if source.alpha.shape != (side, side) or not _is_alpha(source.alpha):
        return "the alpha is neither uint8 nor float (H, H)"
    if not np.all(np.isfinite(source.face)) or min(source.face_inside[2:]) <= 0:
        return "the face box lies outside the image"
    return None


def _is_alpha(alpha: NDArray[np.uint8] | NDArray[np.floating]) -> bool:
    return alpha.dtype == np.uint8 or (np.issubdtype(alpha.dtype, np.floating) and bool(np.all(np.isfinite(alpha))))
