"""Where the camera stands and where the light comes from, as matrices and colours for the shaders.

Light is taken from the scene behind the person, so that both belong together. Draws nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.mesh import Floats
from gpu_worker.base_models.pocket.people.shot import Shot

EXPOSURE = 1.2  # of key and fill together; more burns pale skin out
MIDDLE = 0.3  # linear reflectance of skin that needs no correction
TINT = 0.28  # how much of the scene's own colour its light takes over
FRONT = np.array([1.0, 0.98, 0.96])  # what lies behind the camera


@dataclass(frozen=True)
class View:
    """A camera at `eye` (3,) that looks along -z; `matrix` is column-major. `near` and `far` in dm."""

    matrix: Floats
    eye: Floats
    near: float
    far: float

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Places (N, 2) in [0, 1], x right and y down, and distances (N,) dm from the camera's plane."""
        flat = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ self.matrix
        place = flat[:, :2] / flat[:, 3:]
        return np.asarray(np.stack([place[:, 0], -place[:, 1]], axis=1) * 0.5 + 0.5, np.float32), flat[:, 3]

    def distance(self, buffer: Floats) -> Floats:
        """The depth buffer's [0, 1] as dm from the camera's plane."""
        z = 2 * buffer - 1
        return np.asarray(2 * self.far * self.near / (self.far + self.near - z * (self.far - self.near)), np.float32)


@dataclass(frozen=True)
class Light:
    """`direction` (3,) to the key light, its colour (3,), and what comes from six sides, (6, 3), linear."""

    direction: Floats
    key: Floats
    cube: Floats
    softness: float


def view_of(target: Floats, shot: Shot) -> View:
    """Straight in front of `target`, as far away as makes `shot.span` dm fill the picture."""
    half = np.tan(np.radians(shot.camera.fov) / 2)
    distance = shot.span / 2 / half
    eye = target + np.array([0, 0, distance], np.float32)
    near, far = max(distance - 4, 1.0), distance + 6
    projection = np.zeros((4, 4))
    projection[0, 0] = projection[1, 1] = 1 / half
    projection[2, 2], projection[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
    projection[3, 2] = -1
    move = np.eye(4)
    move[:3, 3] = -eye
    return View(np.asarray((projection @ move).T, np.float32), np.asarray(eye, np.float32), near, far)


def light_of(shot: Shot, skin: Floats, behind: NDArray[np.float32]) -> Light:
    """The shot's key light, and the rest from the sides of the scene `behind` (S, S, 3), sRGB in [0, 1].

    Exposed for the face, as cameras do: a little more for a dark `skin` (3,), linear, a little less for a pale one.
    """
    azimuth, elevation = np.radians(shot.light[:2])
    flat = np.cos(elevation)
    direction = np.array([flat * np.sin(azimuth), np.sin(elevation), flat * np.cos(azimuth)], np.float32)
    share = shot.light[2]
    exposure = EXPOSURE * float(np.clip((MIDDLE / skin.mean()) ** 0.26, 0.86, 1.5))
    key = np.array(shot.light_rgb, np.float32) * share * exposure
    return Light(direction, key, _cube(behind) * (1 - share) * exposure, shot.softness)


def _cube(behind: NDArray[np.float32]) -> Floats:
    """Light (6, 3) from right, left, above, below, the camera's side and behind; as bright as white in the mean."""
    third = len(behind) // 3
    parts = (behind[:, -third:], behind[:, :third], behind[:third], behind[-third:])
    sides = np.stack([part.reshape(-1, 3).mean(axis=0) for part in parts]).clip(0.02, 1) ** 2.2
    around = sides.mean(axis=0)
    tint = (sides / sides.mean()).clip(0.15, 2.5) ** TINT
    cube = np.stack([*tint, FRONT * (around / around.mean()) ** (TINT / 2), (around / around.mean()) ** TINT])
    level = np.array([0.92, 0.92, 1.15, 0.55, 0.80, 0.9])[:, None]  # the sky is brighter than the ground
    return np.asarray(cube / cube.mean(axis=1, keepdims=True).clip(0.6, 1.6) * level, np.float32)


def shadow_matrix(target: Floats, light: Light) -> Floats:
    """Column-major orthographic matrix that sees 3 dm around the target from the light."""
    right = np.cross([0, 1, 0], light.direction)
    right /= np.linalg.norm(right)
    turn = np.eye(4)
    turn[:3, :3] = [right, np.cross(light.direction, right), light.direction]
    move = np.eye(4)
    move[:3, 3] = -target
    scale = np.diag([1 / 3, 1 / 3, -1 / 4, 1.0])
    return np.asarray((scale @ turn @ move).T, np.float32)
