"""Backgrounds: places and studio walls, painted and out of focus, varied by the generator that is passed in.

No person here, and no file is read.
"""

from collections.abc import Callable

import cv2
import numpy as np

from gpu_worker.base_models.pocket.people.scenes import land, rooms, studio, town
from gpu_worker.base_models.pocket.people.scenes.painting import RNG, Picture

SCENES: dict[str, Callable[[int, RNG], Picture]] = {
    "beach": land.beach,
    "city": town.city,
    "forest": land.forest,
    "snow": land.snow,
    "office": rooms.office,
    "space": studio.space,
    "sunset": land.sunset,
    "tower": town.tower,
    "grey": studio.wall("grey"),
    "blue": studio.wall("blue"),
    "street": town.street,
    "park": land.park,
    "mountains": land.mountains,
    "desert": land.desert,
    "cafe": rooms.cafe,
    "kitchen": rooms.kitchen,
    "library": rooms.library,
    "stage": rooms.stage,
    "brick": town.brick,
    "white": studio.wall("white"),
    "green": studio.wall("green"),
    "orange": studio.wall("orange"),
}


def scene(name: str, size: int, rng: RNG) -> Picture:
    """Draw the named place of vocabulary.py as (size, size, 3) float32 in [0, 1]."""
    picture = np.nan_to_num(SCENES[name](size, rng)).clip(0, 1.3)
    picture *= rng.uniform(0.93, 1.07)
    return np.clip(defocus(picture, size * rng.uniform(0.006, 0.016)), 0, 1).astype(np.float32)


def defocus(picture: Picture, radius: float) -> Picture:
    """Blur by a disc of `radius` px, brighter light counting more, as a lens does to lights out of focus."""
    reach = int(np.ceil(radius))
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(across, down), 0, 1)
    linear = cv2.filter2D(picture**3, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.maximum(linear, 0) ** (1 / 3), np.float32)
