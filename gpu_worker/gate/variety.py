"""How much the photos of a set differ: which repeat another, and how much pose, light, background and clothes vary.

Variety is only what training would wrongly learn as part of the person; nothing here refuses a photo.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from gpu_worker.crops import square
from gpu_worker.gate.findings import SOFT, Finding
from gpu_worker.gate.photo import Verdict

if TYPE_CHECKING:
    from imagehash import ImageHash

    from gpu_worker.gate.photo_set import SetLimits

# aspect → below which measure the photos count as alike, how that is said, and what helps
ALIKE: dict[str, tuple[float, str, str]] = {
    "pose": (0.06, "look the same way", "another pose"),
    "light": (4.0, "are lit alike", "other light"),
    "background": (18.0, "have nearly the same background", "another background"),
    "clothes": (18.0, "show nearly the same clothes", "other clothes"),
}
FROM_PHOTOS = 3  # of one or two photos nothing can be said
LAID = 128  # px, side of a portrait whose face lies where every other's does
AROUND = 5.0  # eye distances of a frontal face across such a portrait: head and shoulders


def repeats(photos: Sequence[Verdict], limits: SetLimits) -> dict[int, int]:
    """Which photo repeats which, by number; the sharper one stays, and only photos that stay have repeats.

    Two photos are one when the perceptual hashes of their portraits are less than `duplicate_bits` apart (resized,
    recompressed, relit, cut a little), or less than `laid_bits` with their faces laid over each other, when the faces
    also are as alike as `same_shot` (turned, or cropped elsewhere). A mirrored photo is still the same photo.
    Method: pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2).
    """
    if not limits.duplicate_bits:
        return {}
    prints = {photo.number: _Print.of(photo) for photo in photos}
    stay: list[Verdict] = []
    found = {}
    for photo in sorted(photos, key=lambda photo: photo.scores["blur"]):
        same = (other for other in stay if _same_shot(photo, other, prints, limits))
        first = next(same, None)
        if first is None:
            stay.append(photo)
        else:
            found[photo.number] = first.number
    return found


def _same_shot(one: Verdict, other: Verdict, prints: Mapping[int, _Print], limits: SetLimits) -> bool:
    assert one.identity is not None  # faces were found
    assert other.identity is not None
    whole, laid = prints[one.number].apart(prints[other.number])
    alike = float(one.identity @ other.identity) >= limits.same_shot
    return whole < limits.duplicate_bits or (alike and laid < limits.laid_bits)


@dataclass(frozen=True)
class _Print:
    """Perceptual hashes of a portrait, 64 bits each: as it is and mirrored."""

    whole: tuple[ImageHash, ImageHash]
    laid: tuple[ImageHash, ImageHash]

    @classmethod
    def of(cls, photo: Verdict) -> _Print:
        from imagehash import phash
        from PIL import Image

        def both(portrait: np.ndarray) -> tuple[ImageHash, ImageHash]:
            return phash(Image.fromarray(portrait)), phash(Image.fromarray(np.fliplr(portrait)))

        assert photo.sight is not None  # faces were found
        return cls(both(photo.sight), both(_laid(photo, photo.sight)))

    def apart(self, other: _Print) -> tuple[int, int]:
        """Bits by which the portraits differ, and with the faces laid over each other."""
        whole = min(int(self.whole[0] - hashed) for hashed in other.whole)
        return whole, min(int(self.laid[0] - hashed) for hashed in other.laid)


def _laid(photo: Verdict, portrait: np.ndarray) -> np.ndarray:
    """The portrait turned, moved and scaled by eyes and mouth, so that every face lies alike: (LAID, LAID, 3)."""
    import cv2

    assert photo.size is not None
    crop = square(photo.size, photo.face)
    points = (np.array(photo.face.landmarks) - (crop.x, crop.y)) * (len(portrait) / crop.side)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across, down = points[1] - points[0], mouth - eyes
    scale = LAID / (AROUND * max(1.0, math.hypot(*across), math.hypot(*down)))
    turn = math.atan2(across[1], across[0])
    rotate = scale * np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    shift = np.array([(LAID - 1) / 2, 0.45 * LAID]) - rotate @ ((eyes + mouth) / 2)
    moved = np.column_stack([rotate, shift])
    return np.asarray(cv2.warpAffine(portrait, moved, (LAID, LAID), borderMode=cv2.BORDER_REPLICATE))


def measure(photos: Sequence[Verdict]) -> dict[str, float]:
    """Median difference between two photos, by aspect; empty for fewer than FROM_PHOTOS.

    Pose in eye distances (turn) and radians (tilt), light in luma levels of the face's highlights, background and
    clothes in Lab units between mean colours of where they stand in a portrait.
    """
    if len(photos) < FROM_PHOTOS:
        return {}
    pose = [np.array([photo.scores["turn"], np.radians(photo.scores["tilt"])]) for photo in photos]
    light = [np.array([photo.scores["highlights"]]) for photo in photos]
    grids = [_grid(photo) for photo in photos]
    background = [np.concatenate([grid[:4, 0], grid[:4, -1]]) for grid in grids]
    clothes = [grid[-1, 2:-2] for grid in grids]
    aspects = {"pose": pose, "light": light, "background": background, "clothes": clothes}
    return {name: _apart(values) for name, values in aspects.items()}


def findings(spread: Mapping[str, float], photos: int) -> list[Finding]:
    """A warning for every aspect in which the photos are too much alike."""
    return [
        Finding(f"same_{name}", SOFT, f"Your {photos} photos {said}.", f"Add two with {other}.")
        for name, (limit, said, other) in ALIKE.items()
        if name in spread and spread[name] < limit
    ]


def _grid(photo: Verdict) -> np.ndarray:
    """Mean Lab colours of an 8 x 8 grid over the portrait, float (8, 8, 3)."""
    import cv2

    assert photo.sight is not None  # faces were found
    small = cv2.resize(photo.sight, (8, 8), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), float)


def _apart(values: Sequence[np.ndarray]) -> float:
    """Median over pairs of the mean distance between their points."""
    pairs = combinations(values, 2)
    return float(np.median([np.linalg.norm(np.atleast_2d(a - b), axis=-1).mean() for a, b in pairs]))
