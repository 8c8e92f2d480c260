"""One person's skull as a distance in every direction: what hair and hats lie on.

Built from the posed mesh with the head facing the camera. Draws nothing.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, spatial

from gpu_worker.base_models.pocket.people.mesh import Floats, mesh

POLARS, AZIMUTHS = 25, 48  # directions that are looked at: 7.5 degrees apart
HEART = np.array([0.0, 7.56, 0.55], np.float32)  # of the neutral head, dm


@dataclass(frozen=True)
class Skull:
    """`radii` (POLARS, AZIMUTHS) dm from `heart` (3,), by angle from the top and around from the face."""

    heart: Floats
    radii: Floats

    def radius(self, directions: Floats) -> Floats:
        """Distance (...) of the surface from the heart along unit `directions` (..., 3)."""
        polar = np.arccos(np.clip(directions[..., 1], -1, 1)) / np.pi * (POLARS - 1)
        around = np.arctan2(directions[..., 0], directions[..., 2]) / (2 * np.pi) * AZIMUTHS % AZIMUTHS
        wide = np.concatenate([self.radii, self.radii[:, :1]], axis=1)
        found = ndimage.map_coordinates(wide, [polar.ravel(), around.ravel()], order=1, mode="nearest")
        return np.asarray(found.reshape(polar.shape), np.float32)

    def point(self, directions: Floats, lift: Floats | float) -> Floats:
        """The place (..., 3) that lies `lift` dm above the skin along `directions` (..., 3)."""
        return np.asarray(self.heart + directions * (self.radius(directions) + lift)[..., None], np.float32)

    @property
    def top(self) -> float:
        return float(self.heart[1] + self.radii[0].mean())


def skull_of(positions: Floats) -> Skull:
    """The skull of `positions` (M, 3), a head that faces the camera."""
    near, weights, move = _grid()
    heart = np.asarray(HEART + (positions[near].mean(axis=(0, 1)) - move), np.float32)
    heart[0] = 0
    far = np.linalg.norm(positions[near] - heart, axis=-1)
    radii = (far * weights).sum(axis=1).reshape(POLARS, AZIMUTHS)
    return Skull(heart, np.asarray(ndimage.gaussian_filter(radii, 0.7, mode=("nearest", "wrap")), np.float32))


@cache
def _grid() -> tuple[NDArray[np.int64], Floats, Floats]:
    """For each direction three vertices (G, 3) and their weights (G, 3); the mean place of all of them at rest."""
    body = mesh()
    inner = (body.part > 0.5) | (body.masks[:, 1] > 0.2) | (body.masks[:, 2] > 0.15) | (body.rest[:, 1] < 6.2)
    outer = np.flatnonzero(~inner)
    towards = body.rest[outer] - HEART
    tree = spatial.cKDTree(towards / np.linalg.norm(towards, axis=1, keepdims=True))
    polar, around = np.meshgrid(
        np.linspace(0, np.pi, POLARS), np.arange(AZIMUTHS) * 2 * np.pi / AZIMUTHS, indexing="ij"
    )
    far, found = tree.query(direction(polar.ravel(), around.ravel()), k=3)
    weights = 1 / (far + 0.01)
    near = outer[found]
    share = weights / weights.sum(axis=1, keepdims=True)
    return near, np.asarray(share, np.float32), np.asarray(body.rest[near].mean(axis=(0, 1)), np.float32)


def direction(polar: NDArray[np.floating[Any]], around: NDArray[np.floating[Any]]) -> Floats:
    """Unit vectors (..., 3): `polar` from the top, `around` from the face towards the right of the picture."""
    flat = np.sin(polar)
    return np.asarray(np.stack([flat * np.sin(around), np.cos(polar), flat * np.cos(around)], axis=-1), np.float32)
