"""Collars, hoods and glasses: what is worn and is not a part of the body's own surface."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.geometry import (
    CLOTH,
    GLOSSY,
    LENS,
    Pose,
    Surface,
    grid_surface,
    linear,
)
from gpu_worker.base_models.pocket.people.mesh import Floats, mesh
from gpu_worker.base_models.pocket.people.shot import Shot

AnyFloats = NDArray[np.floating[Any]]

COLUMNS = 64  # vertices around the neck
FRAMES = ((0.02, 0.02, 0.02), (0.10, 0.035, 0.012), (0.015, 0.02, 0.06), (0.25, 0.02, 0.02))  # linear RGB


def worn(shot: Shot, positions: Floats, turned: Floats, pose: Pose) -> list[Surface]:
    """All props of a shot: `positions` (M, 3) face the camera, `turned` are posed."""
    surfaces = []
    tint = linear(words.GARMENT_COLOURS[shot.garment_colour], 255)
    if shot.garment in ("shirt", "suit"):
        surfaces.append(_collar(turned, tint if shot.garment == "shirt" else linear((232, 232, 230), 255)))
    if shot.garment == "hoodie":
        surfaces.append(_hood(turned, tint))
    if shot.garment == "turtleneck":
        surfaces.append(_roll(turned, tint))
    if shot.glasses != "none":
        surfaces += _glasses(shot, positions, pose)
    return surfaces


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


def _collar(turned: Floats, tint: Floats) -> Surface:
    """A stand that goes up and a leaf that folds down over it, with two points and a gap in front."""
    angles, radii, centre = _neck(turned, 0.1)
    gap = np.radians(10)
    angles = np.linspace(gap, 2 * np.pi - gap, COLUMNS).astype(np.float32)
    radii = np.interp(np.angle(np.exp(1j * angles)), np.linspace(-np.pi, np.pi, COLUMNS), radii)
    front = np.clip((np.cos(angles) - 0.45) / 0.5, 0, 1)
    outward = np.array([0.05, 0.05, 0.10, 0.18, 0.24])[:, None] + 0.03 * front
    rise = np.array([-0.08, 0.22, 0.24, 0.08, -0.06])[:, None] - np.array([0, 0, 0, 0.12, 0.30])[:, None] * front
    return grid_surface(_ring(angles, centre, radii + outward, rise), CLOTH, tint * 1.05)


def _hood(turned: Floats, tint: Floats) -> Surface:
    """A thick roll on the shoulders, higher and wider at the back."""
    angles, radii, centre = _neck(turned, 0.0)
    back = (1 - np.cos(angles)) / 2
    around = np.linspace(0, 2 * np.pi, 16)[:, None]
    thick = 0.09 + 0.15 * back
    wide = radii + 0.04 + thick * (1 + np.cos(around))
    rise = 0.02 + 0.26 * back + thick * 1.5 * np.sin(around)
    return grid_surface(_ring(angles, centre, wide, rise), CLOTH, tint * 0.9)


def _roll(turned: Floats, tint: Floats) -> Surface:
    """The folded neck of a turtleneck."""
    angles, radii, centre = _neck(turned, 0.3)
    outward = np.array([0.05, 0.12, 0.16, 0.17, 0.15])[:, None]
    rise = np.array([0.20, 0.22, 0.12, -0.10, -0.28])[:, None]
    outward = outward + 0.12 * np.clip(np.cos(angles), 0, 1) ** 4  # the throat stands out of the mean neck
    ribs = 0.012 * np.sin(angles * 40)
    return grid_surface(_ring(angles, centre, radii + outward + ribs, rise, 0.30), CLOTH, tint)


def _glasses(shot: Shot, positions: Floats, pose: Pose) -> list[Surface]:
    body = mesh()
    rng = np.random.default_rng(shot.detail)
    eyes = [positions[(body.part == 1) & (np.sign(body.rest[:, 0]) == side)].mean(axis=0) for side in (-1, 1)]
    dark = shot.glasses == "sunglasses"
    front = float(positions[(body.part == 1)][:, 2].max()) + 0.14
    tint = np.array(FRAMES[0 if dark else int(rng.integers(len(FRAMES)))], np.float32)
    square = float(rng.uniform(2.0, 4.5))
    size = (0.285, 0.22) if dark else (0.27, float(rng.uniform(0.18, 0.24)))
    thick = float(rng.uniform(0.026, 0.036))
    surfaces = []
    for eye in eyes:
        centre = np.array([eye[0] * 1.04, eye[1] - 0.02, front], np.float32)
        surfaces.append(_rim(centre, size, square, thick, tint))
        if dark:
            surfaces.append(_lens(centre, size, square))
        ear = np.array([np.sign(eye[0]) * 0.80, eye[1] + 0.06, 0.55], np.float32)
        hinge = centre + np.array([np.sign(eye[0]) * size[0], 0.06, -0.02], np.float32)
        surfaces.append(_bar(hinge, ear, thick * 0.9, tint))
    left, right = (np.array([eye[0] * 1.04, eye[1] + 0.03, front], np.float32) for eye in eyes)
    inwards = np.array([size[0] * 0.97, 0, 0], np.float32)
    surfaces.append(_bar(left + inwards, right - inwards, thick * 0.9, tint))
    return [pose.surface(surface, np.ones((len(surface.positions), 1), np.float32)) for surface in surfaces]


def _outline(size: tuple[float, float], square: float, count: int = 48) -> Floats:
    """A rounded rectangle (count, 2): |x|^k + |y|^k = 1."""
    angle = np.linspace(0, 2 * np.pi, count)
    cos, sin = np.cos(angle), np.sin(angle)
    power = 2 / square
    x, y = np.sign(cos) * np.abs(cos) ** power, np.sign(sin) * np.abs(sin) ** power
    return np.asarray(np.stack([x * size[0], y * size[1]], axis=-1), np.float32)


def _rim(centre: Floats, size: tuple[float, float], square: float, thick: float, tint: Floats) -> Surface:
    outline = _outline(size, square)
    around = np.linspace(0, 2 * np.pi, 8)
    out = outline / np.linalg.norm(outline, axis=1, keepdims=True)
    flat = outline[None] + out[None] * (thick * np.cos(around))[:, None, None]
    depth = thick * np.sin(around)[:, None] - 0.25 * np.abs(centre[0] + flat[..., 0]) ** 2 * 0.3
    points = np.concatenate([flat, np.broadcast_to(depth[..., None], (*flat.shape[:2], 1))], axis=-1) + centre
    return grid_surface(np.asarray(points, np.float32), GLOSSY, tint)


def _lens(centre: Floats, size: tuple[float, float], square: float) -> Surface:
    outline = _outline(size, square)
    scale = np.linspace(0.02, 1.0, 5)[:, None, None]
    flat = outline[None] * scale
    depth = -0.25 * np.abs(centre[0] + flat[..., :1]) ** 2 * 0.3
    points = np.concatenate([flat, depth], axis=-1) + centre
    uv = np.asarray(flat / (2 * np.array(size)) + 0.5, np.float32)
    return grid_surface(np.asarray(points, np.float32), LENS, np.full(3, 0.02, np.float32), uv=uv)


def _bar(start: Floats, end: Floats, thick: float, tint: Floats) -> Surface:
    along = np.linspace(0, 1, 6)[:, None, None]
    axis = (end - start) / np.linalg.norm(end - start)
    side = np.cross(axis, [0, 1, 0])
    side /= np.linalg.norm(side)
    up = np.cross(side, axis)
    around = np.linspace(0, 2 * np.pi, 8)[None, :, None]
    tube = thick * (np.cos(around) * side + np.sin(around) * up)
    return grid_surface(np.asarray(start + along * (end - start) + tube, np.float32), GLOSSY, tint)
