"""How much the photos of a set differ: in pose, light, background and clothes.

Only what training would wrongly learn as part of the person; nothing here refuses a photo.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from gpu_worker.gate.findings import SOFT, Finding

# aspect → below which measure the photos count as alike, and how that is said
ALIKE: dict[str, tuple[float, str]] = {
    "pose": (0.06, "look the same way"),
    "light": (4.0, "are lit alike"),
    "background": (18.0, "have nearly the same background"),
    "clothes": (18.0, "show nearly the same clothes"),
}
FROM_PHOTOS = 3  # of one or two photos nothing can be said


def measure(portraits: Sequence[np.ndarray], scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Median difference between two photos, by aspect; empty for fewer than FROM_PHOTOS.

    Pose in eye distances (turn) and radians (tilt), light in luma levels of the face's highlights, background and
    clothes in Lab units between mean colours of where they stand in a portrait (RGB, uint8 (H, H, 3)).
    """
    if len(portraits) < FROM_PHOTOS:
        return {}
    pose = [np.array([score["turn"], np.radians(score["tilt"])]) for score in scores]
    light = [np.array([score["highlights"]]) for score in scores]
    grids = [_grid(portrait) for portrait in portraits]
    background = [np.concatenate([grid[:4, 0], grid[:4, -1]]) for grid in grids]
    clothes = [grid[-1, 2:-2] for grid in grids]
    aspects = {"pose": pose, "light": light, "background": background, "clothes": clothes}
    return {name: _apart(values) for name, values in aspects.items()}


def findings(spread: Mapping[str, float], photos: int) -> list[Finding]:
    """A warning for every aspect in which the photos are too much alike."""
    return [
        Finding(f"same_{name}", SOFT, f"Your {photos} photos {said}.", f"Add two with another {name}.")
        for name, (limit, said) in ALIKE.items()
        if name in spread and spread[name] < limit
    ]


def _grid(portrait: np.ndarray) -> np.ndarray:
    """Mean Lab colours of an 8 x 8 grid, float (8, 8, 3)."""
    import cv2

    small = cv2.resize(portrait, (8, 8), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), float)


def _apart(values: Sequence[np.ndarray]) -> float:
    """Median over pairs of the mean distance between their points."""
    pairs = combinations(values, 2)
    return float(np.median([np.linalg.norm(np.atleast_2d(a - b), axis=-1).mean() for a, b in pairs]))
