"""Triangles of whatever is not the body's own skin (collars, glasses, hats, a bun), and grids of them.

No OpenGL, and nothing that knows a person.
"""

from dataclasses import dataclass

import numpy as np

from gpu_worker.base_models.pocket.people.mesh import Floats, Ints

CLOTH, HAIR, GLOSSY, LENS, KNIT = 0.0, 1.0, 2.0, 3.0, 4.0  # kinds of surface that the prop shader knows


@dataclass(frozen=True)
class Surface:
    """Triangles of any prop: all arrays have V rows; `tint` is linear RGB."""

    positions: Floats  # (V, 3)
    normals: Floats  # (V, 3)
    uv: Floats  # (V, 2)
    tint: Floats  # (V, 3)
    kind: Floats  # (V,)
    triangles: Ints  # (T, 3)


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
