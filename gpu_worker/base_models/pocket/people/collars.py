"""Collars, hoods and the folded neck of a turtleneck: rings around the neck."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.mesh import Floats, mesh
from gpu_worker.base_models.pocket.people.surface import CLOTH, Surface, grid_surface

AnyFloats = NDArray[np.floating[Any]]

COLUMNS = 64  # vertices around the neck


def _neck(turned: Floats, raise_by: float) -> tuple[Floats, Floats, Floats]:
    """Angles (C,), radii (C,) and centre (3,) of the neck where a collar sits."""
    rest = mesh().rest
    line = rest[:, 1] - (5.76 - 0.42 * (rest[:, 2] + 0.25)) - raise_by
    ring = turned[(mesh().part < 0.5) & (np.abs(line) < 0.07) & (np.abs(rest[:, 0]) < 0.6)]
    centre = ring.mean(axis=0)
    centre[2] = (ring[:, 2].min() + ring[:, 2].max()) / 2
    flat = ring - centre
    found = np.arctan2(flat[:, 0], flat[:, 2])
    radius = np.hypot(flat[:, 0], flat[:, 2])
    angles = np.linspace(-np.pi, np.pi, COLUMNS)
    near = np.exp(-((np.angle(np.exp(1j * (angles[:, None] - found[None])))) ** 2) / 0.03)
    radii = (near * radius).sum(axis=1) / np.maximum(near.sum(axis=1), 1e-6)
    return np.asarray(angles, np.float32), np.asarray(radii, np.float32), np.asarray(centre, np.float32)


def _ring(angles: Floats, centre: Floats, radii: AnyFloats, rise: AnyFloats, slope: float = 0.42) -> Floats:
    """Points (rows, C, 3) around the neck; `radii` and `rise` are (rows, C) or broadcast to it."""
    x = radii * np.sin(angles)
    z = radii * np.cos(angles)
    y = centre[1] - slope * z + rise
    return np.asarray(np.stack(np.broadcast_arrays(centre[0] + x, y, centre[2] + z), axis=-1), np.float32)


def collar(turned: Floats, tint: Floats) -> Surface:
    """A stand that goes up and a leaf that folds down over it, with two points and a gap in front."""
    angles, radii, centre = _neck(turned, 0.1)
    gap = np.radians(10)
    angles = np.linspace(gap, 2 * np.pi - gap, COLUMNS).astype(np.float32)
    radii = np.interp(np.angle(np.exp(1j * angles)), np.linspace(-np.pi, np.pi, COLUMNS), radii)
    front = np.clip((np.cos(angles) - 0.45) / 0.5, 0, 1)
    outward = np.array([0.05, 0.05, 0.10, 0.18, 0.24])[:, None] + 0.03 * front
    rise = np.array([-0.08, 0.22, 0.24, 0.08, -0.06])[:, None] - np.array([0, 0, 0, 0.12, 0.30])[:, None] * front
    return grid_surface(_ring(angles, centre, radii + outward, rise), CLOTH, tint * 1.05)


def hood(turned: Floats, tint: Floats) -> Surface:
    """A thick roll on the shoulders, higher and wider at the back."""
    angles, radii, centre = _neck(turned, 0.0)
    back = (1 - np.cos(angles)) / 2
    around = np.linspace(0, 2 * np.pi, 16)[:, None]
    thick = 0.09 + 0.15 * back
    wide = radii + 0.04 + thick * (1 + np.cos(around))
    rise = 0.02 + 0.26 * back + thick * 1.5 * np.sin(around)
    return grid_surface(_ring(angles, centre, wide, rise), CLOTH, tint * 0.9)


def roll(turned: Floats, tint: Floats) -> Surface:
    """The folded neck of a turtleneck."""
    angles, radii, centre = _neck(turned, 0.3)
    outward = np.array([0.05, 0.12, 0.16, 0.17, 0.15])[:, None]
    rise = np.array([0.20, 0.22, 0.12, -0.10, -0.28])[:, None]
    outward = outward + 0.12 * np.clip(np.cos(angles), 0, 1) ** 4  # the throat stands out of the mean neck
    ribs = 0.012 * np.sin(angles * 40)
    return grid_surface(_ring(angles, centre, radii + outward + ribs, rise, 0.30), CLOTH, tint)
