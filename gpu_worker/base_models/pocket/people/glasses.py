"""Glasses and sunglasses on this person's own nose and ears."""

import numpy as np

from gpu_worker.base_models.pocket.people.mesh import Floats, mesh
from gpu_worker.base_models.pocket.people.posture import Pose
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.surface import GLOSSY, LENS, Surface, grid_surface

FRAMES = ((0.02, 0.02, 0.02), (0.10, 0.035, 0.012), (0.015, 0.02, 0.06), (0.25, 0.02, 0.02))  # linear RGB


def glasses(shot: Shot, positions: Floats, pose: Pose) -> list[Surface]:
    body = mesh()
    rng = np.random.default_rng(shot.detail)
    eyes = [positions[(body.part == 1) & (np.sign(body.rest[:, 0]) == side)].mean(axis=0) for side in (-1, 1)]
    dark = shot.glasses == "sunglasses"
    front = float(positions[(body.part == 1)][:, 2].max()) + 0.14
    tint = np.array(FRAMES[0 if dark else int(rng.integers(len(FRAMES)))], np.float32)
    square = float(rng.uniform(2.0, 4.5))
    size = (0.265, 0.21) if dark else (0.245, float(rng.uniform(0.15, 0.20)))
    thick = float(rng.uniform(0.013, 0.024))
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
