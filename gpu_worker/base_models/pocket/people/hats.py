"""Caps, beanies and hats with a brim, laid over a person's own skull."""

import numpy as np

from gpu_worker.base_models.pocket.people import vocabulary as words
from gpu_worker.base_models.pocket.people.mesh import Floats
from gpu_worker.base_models.pocket.people.posture import Pose
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.skull import Skull, direction
from gpu_worker.base_models.pocket.people.surface import CLOTH, KNIT, Surface, grid_surface, linear

COLUMNS, ROWS = 64, 20


def hat(shot: Shot, skull: Skull, pose: Pose) -> list[Surface]:
    """The surfaces of `shot.hat`, turned with the head."""
    tint = linear(words.GARMENT_COLOURS[shot.hat_colour], 255)
    made = {"cap": _cap, "beanie": _beanie, "hat": _hat}[shot.hat](skull, tint)
    return [pose.surface(surface, np.ones((len(surface.positions), 1), np.float32)) for surface in made]


def _around() -> Floats:
    return np.linspace(-np.pi, np.pi, COLUMNS).astype(np.float32)


def _edge(front: float, back: float) -> Floats:
    """How far from the top the rim lies, radians (COLUMNS,): higher at the front."""
    return np.asarray(np.radians(back + (front - back) * (0.5 + 0.5 * np.cos(_around())) ** 1.2), np.float32)


def _dome(skull: Skull, edge: Floats, lift: Floats) -> Floats:
    """Points (ROWS, COLUMNS, 3) from the top to the rim, `lift` (ROWS, 1) above the skin."""
    polar = np.linspace(0.01, 1, ROWS)[:, None] * edge[None]
    return skull.point(direction(polar, np.broadcast_to(_around(), polar.shape)), lift)


def _cap(skull: Skull, tint: Floats) -> list[Surface]:
    edge = _edge(64, 98)
    crown = _dome(skull, edge, (0.09 + 0.10 * np.sin(np.linspace(0, np.pi, ROWS)))[:, None].astype(np.float32))
    return [grid_surface(crown, CLOTH, tint), _visor(skull, tint * 0.85)]


def _visor(skull: Skull, tint: Floats) -> Surface:
    """A curved tongue over the forehead."""
    across = np.linspace(-1, 1, 24)[None]
    out = np.linspace(0, 1, 8)[:, None]
    start = skull.point(direction(np.full(24, np.radians(63)), across[0] * 1.0), 0.10)
    reach = 0.75 * np.sqrt(np.maximum(1 - 0.85 * across**2, 0.02)) * out
    points = np.broadcast_to(start[None], (8, 24, 3)).copy()
    points[..., 2] += reach
    points[..., 1] -= 0.10 * out + 0.16 * across**2 * out + 0.12 * out**2
    return grid_surface(points.astype(np.float32), CLOTH, tint)


def _beanie(skull: Skull, tint: Floats) -> list[Surface]:
    edge = _edge(66, 104)
    crown = _dome(skull, edge, (0.10 + 0.10 * np.linspace(1, 0, ROWS)[:, None]).astype(np.float32))
    cuff_lift = np.array([0.10, 0.17, 0.19, 0.19, 0.18, 0.10], np.float32)[:, None]
    polar = edge[None] - np.radians(np.array([26, 24, 18, 8, 1, -1], np.float32))[:, None]
    cuff = skull.point(direction(polar, np.broadcast_to(_around(), polar.shape)), cuff_lift)
    return [grid_surface(crown, KNIT, tint), grid_surface(cuff, KNIT, tint * 0.92)]


def _hat(skull: Skull, tint: Floats) -> list[Surface]:
    """A felt hat: an upright crown, pressed in on top, and a brim."""
    edge = _edge(66, 82)
    rim = skull.point(direction(edge, _around()), 0.08)
    middle = rim.mean(axis=0)
    flat = rim - middle
    rise = np.array([-0.02, 0.3, 0.62, 0.76, 0.72, 0.6], np.float32)
    wide = np.array([1.0, 0.98, 0.90, 0.72, 0.4, 0.02], np.float32)
    crown = middle + flat[None] * wide[:, None, None] * np.array([1, 0.3, 1]) + _up(rise + flat[:, 1].mean())
    crown[0] = rim
    crown[1:, :, 1] += 0.5 * flat[None, :, 1]
    out = np.linspace(0, 1, 6)[:, None, None]
    away = flat / np.linalg.norm(flat, axis=1, keepdims=True) * np.array([1, 0, 1])
    curve = 0.10 * np.abs(np.sin(_around()))[None, :] ** 2 * np.linspace(0, 1, 6)[:, None] ** 2
    brim = rim[None] + away[None] * 0.62 * out
    brim[..., 1] += curve - 0.04 * out[..., 0]
    band = np.stack([rim + away * 0.015, rim + away * 0.012 + _up(np.array([0.14]))[0]])
    parts = [grid_surface(np.asarray(part, np.float32), CLOTH, tint) for part in (crown, brim)]
    return [*parts, grid_surface(np.asarray(band, np.float32), CLOTH, tint * 0.3)]


def _up(rise: Floats) -> Floats:
    """Offsets (R, 1, 3) along y."""
    return np.stack([np.zeros_like(rise), rise, np.zeros_like(rise)], axis=-1)[:, None]
