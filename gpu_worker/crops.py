"""Squares around a face: head and shoulders as base models frame them, closer, or down to the waist.

Which photos are cropped at all is decided elsewhere, and no crop is ever enlarged.
"""

from dataclasses import dataclass

import numpy as np

from gpu_worker.faces import Face

# name → the crop's side in face heights, and how far down it the face's centre sits: hair above, body below
SCALES = {"close": (1.8, 0.47), "portrait": (2.6, 0.42), "half_body": (4.6, 0.27)}
# A small face may be framed wider to reach the wanted side, but not so wide that it gets lost.
WIDER = 4.0 / 2.6


@dataclass(frozen=True)
class Crop:
    """A square of the photo, px."""

    x: int
    y: int
    side: int

    def cut(self, photo: np.ndarray, max_side: int) -> np.ndarray:
        """These pixels of `photo`, uint8 (H, W, 3), as (S, S, 3), S at most `max_side`: made smaller, never larger."""
        import cv2

        part = photo[self.y : self.y + self.side, self.x : self.x + self.side]
        if self.side <= max_side:
            return np.ascontiguousarray(part)
        return np.asarray(cv2.resize(part, (max_side, max_side), interpolation=cv2.INTER_AREA))


def square(size: tuple[int, int], face: Face, wanted: int = 0, scale: str = "portrait") -> Crop:
    """The crop of this scale around `face` in a photo of `size` (width, height), pushed inside the photo.

    Framed wider, by WIDER at most, where that brings it nearer to `wanted` px.
    """
    heights, level = SCALES[scale]
    side = max(heights * face.height, min(wanted, WIDER * heights * face.height))
    side = int(min(side, *size))
    centre_x, centre_y = face.centre
    x = min(max(round(centre_x - side / 2), 0), size[0] - side)
    y = min(max(round(centre_y - level * side), 0), size[1] - side)
    return Crop(x, y, side)


def fits(size: tuple[int, int], face: Face, scale: str, least: int) -> bool:
    """Whether the photo holds the whole square of this scale, of at least `least` px, without pushing it far."""
    heights, level = SCALES[scale]
    side = heights * face.height
    below = face.centre[1] + (1 - level) * side
    return least <= side <= min(size) and below <= size[1] + 0.1 * side
