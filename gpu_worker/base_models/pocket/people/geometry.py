"""From a person and a shot to posed positions: morphs, subdivision, the turn of the head.

Also the small container for everything else that is drawn (hair, collars, glasses). No OpenGL.
"""

from dataclasses import dataclass, replace

import numpy as np

from gpu_worker.base_models.pocket.people.mesh import Floats, Ints, Mesh, mesh
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.shot import Shot

PIVOT = np.array([0.0, 6.0, 0.2], np.float32)  # dm, where the neck bends
CLOTH, HAIR, GLOSSY, LENS = 0.0, 1.0, 2.0, 3.0  # kinds of surface that the prop shader knows
MOODS: dict[str, dict[str, float]] = {  # expression targets at full strength
    "neutral": {"mouth-corner-puller": 0.18},  # relaxed faces of the mesh look sour without it
    "smiling": {
        "mouth-corner-puller": 0.9,
        "mouth-part-later": 0.75,
        "eye-left-slit": 0.35,
        "eye-right-slit": 0.35,
        "eyebrows-left-extern-up": 0.2,
        "eyebrows-right-extern-up": 0.2,
    },
    "sad": {
        "mouth-depression": 1.2,
        "eyebrows-left-inner-up": 1.3,
        "eyebrows-right-inner-up": 1.3,
        "eye-left-slit": 0.25,
        "eye-right-slit": 0.25,
    },
    "surprised": {
        "mouth-open": 0.7,
        "eyebrows-left-up": 1.0,
        "eyebrows-right-up": 1.0,
        "eye-left-opened-up": 1.0,
        "eye-right-opened-up": 1.0,
    },
}


@dataclass(frozen=True)
class Surface:
    """Triangles of any prop: all arrays have V rows; `tint` is linear RGB."""

    positions: Floats  # (V, 3)
    normals: Floats  # (V, 3)
    uv: Floats  # (V, 2)
    tint: Floats  # (V, 3)
    kind: Floats  # (V,)
    triangles: Ints  # (T, 3)


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


def shape(person: Person, shot: Shot) -> Floats:
    """Finer positions (M, 3) of this person with this mood, facing the camera."""
    body: Mesh = mesh()
    positions = body.base.copy()
    mood = {name: weight * shot.mood_strength for name, weight in MOODS[shot.mood].items()}
    for weights in (person.axes, mood):
        for name, weight in weights.items():
            if weight and name in body.targets:
                index, offset = body.targets[name]
                positions[index] += np.float32(weight) * offset
    return np.asarray(body.subdivide @ positions, np.float32)


def linear(colour: tuple[float, float, float] | tuple[int, int, int], whole: float = 1.0) -> Floats:
    """sRGB (0..whole) to the linear light that shading is done in."""
    return np.asarray((np.array(colour, np.float32) / whole) ** 2.2, np.float32)


def grid_triangles(rows: int, columns: int, closed: bool = False) -> Ints:
    """Triangles of a grid of vertices stored row by row; `closed` joins the last column to the first."""
    last = columns if closed else columns - 1
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(last), indexing="ij")
    right = (column + 1) % columns
    a, b = row * columns + column, row * columns + right
    c, d = a + columns, b + columns
    return np.stack([a, b, c, b, d, c], axis=-1).reshape(-1, 3).astype(np.int32)


def grid_surface(points: Floats, kind: float, tint: Floats, closed: bool = False, uv: Floats | None = None) -> Surface:
    """A surface through a grid of points (rows, columns, 3); uv runs along the columns and down the rows."""
    rows, columns, _ = points.shape
    triangles = grid_triangles(rows, columns, closed)
    flat = np.asarray(points.reshape(-1, 3), np.float32)
    corner = flat[triangles]
    faces = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals = np.zeros_like(flat)
    for k in range(3):
        np.add.at(normals, triangles[:, k], faces)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    if uv is None:
        u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
        uv = np.stack([u, v], axis=-1)
    count = len(flat)
    return Surface(
        flat,
        normals,
        np.asarray(uv.reshape(-1, 2), np.float32),
        np.broadcast_to(tint, (count, 3)).astype(np.float32),
        np.full(count, kind, np.float32),
        triangles,
    )


def join(surfaces: list[Surface]) -> Surface:
    """One surface out of several."""
    start = np.cumsum([0] + [len(surface.positions) for surface in surfaces])
    return Surface(
        np.concatenate([s.positions for s in surfaces]),
        np.concatenate([s.normals for s in surfaces]),
        np.concatenate([s.uv for s in surfaces]),
        np.concatenate([s.tint for s in surfaces]),
        np.concatenate([s.kind for s in surfaces]),
        np.concatenate([s.triangles + at for s, at in zip(surfaces, start, strict=False)]).astype(np.int32),
    )
