"""The turn of the head and the fall of the arms: from a body as it was modelled to a body in a photo.

No shape of a face, no clothes.
"""

from dataclasses import dataclass, replace

import numpy as np

from gpu_worker.base_models.pocket.people.mesh import Floats
from gpu_worker.base_models.pocket.people.shot import Shot
from gpu_worker.base_models.pocket.people.surface import Surface

PIVOT = np.array([0.0, 6.0, 0.2], np.float32)  # dm, where the neck bends
SHOULDER = np.array([1.35, 5.28], np.float32)  # dm, where the right arm turns, x and y
ARMS = np.radians(24.0)  # how far they fall: the mesh holds them away from the body


@dataclass(frozen=True)
class Pose:
    """Turns what belongs to the head; below the neck nothing moves."""

    rotation: Floats  # (3, 3)

    def weights(self, heights: Floats, low: float = 5.45, high: float = 6.35) -> Floats:
        step = np.clip((heights - low) / (high - low), 0, 1)
        return np.asarray(step * step * (3 - 2 * step), np.float32)[:, None]

    def apply(self, positions: Floats, weights: Floats) -> Floats:
        turned = (positions - PIVOT) @ self.rotation.T + PIVOT
        return np.asarray(positions + weights * (turned - positions), np.float32)

    def turn(self, directions: Floats, weights: Floats) -> Floats:
        turned = directions + weights * (directions @ self.rotation.T - directions)
        return np.asarray(turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9), np.float32)

    def surface(self, surface: Surface, weights: Floats) -> Surface:
        """The surface turned by `weights` (V, 1)."""
        positions, normals = self.apply(surface.positions, weights), self.turn(surface.normals, weights)
        return replace(surface, positions=positions, normals=normals)


def pose_of(shot: Shot) -> Pose:
    yaw, pitch, roll = np.radians([shot.yaw, shot.pitch, shot.roll])
    around_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    around_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    around_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    return Pose(np.asarray(np.array(around_z) @ np.array(around_y) @ np.array(around_x), np.float32))


def lower_arms(positions: Floats, rest: Floats) -> Floats:
    """Positions (M, 3) with both arms turned down around the shoulders, more the further out they lie."""
    out = np.abs(rest[:, 0])
    step = np.clip((out - 0.95) / 0.9, 0, 1) * np.clip((6.0 - rest[:, 1]) / 0.2, 0, 1)
    angle = ARMS * step * step * (3 - 2 * step)
    side = np.sign(rest[:, 0])
    x, y = positions[:, 0] * side - SHOULDER[0], positions[:, 1] - SHOULDER[1]
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.stack([(x * cos + y * sin + SHOULDER[0]) * side, y * cos - x * sin + SHOULDER[1]], axis=1)
    moved = positions.copy()
    moved[:, :2] = np.where(step[:, None] > 0, turned, positions[:, :2])
    return moved
