"""The scalp's border, the short hair that stands on it in shells, and a bun's knot.

Lengths in dm. The border is a line in rest space; the same line is painted on the skin. Strands: see cuts.py.
"""

from functools import cache

import numpy as np

from gpu_worker.base_models.pocket.people.mesh import Floats, Ints, mesh
from gpu_worker.base_models.pocket.people.person import Person
from gpu_worker.base_models.pocket.people.posture import Pose
from gpu_worker.base_models.pocket.people.surface import HAIR, Surface, grid_surface, linear

LINE_Z = (-1.0, -0.3, 0.0, 0.35, 0.55, 0.75, 1.05, 1.25, 1.42, 2.0)  # the hairline, nape to forehead
LINE_Y = (6.25, 6.3, 6.75, 6.95, 7.25, 7.5, 7.72, 7.86, 7.97, 7.98)
LAYERS = {"buzzed": 4, "short": 3, "curly": 4, "afro": 6}  # of shells; the others' strands hide the scalp
SHELLS = {"buzzed": 0.03, "short": 0.035, "curly": 0.12, "afro": 0.26, "bun": 0.03, "ponytail": 0.03}  # height
CURL = {"curly": 1.0, "afro": 1.0, "buzzed": 0.6}


@cache
def roots() -> tuple[Floats, Ints]:
    """(distance above the hairline (M,), quads of the scalp (K, 4))."""
    body = mesh()
    y, z = body.rest[:, 1], body.rest[:, 2]
    outside = (body.part > 0.5) | (body.masks[:, 1] > 0.3)
    scalp = np.where(outside, -1.0, y - np.interp(z, LINE_Z, LINE_Y)).astype(np.float32)
    return scalp, body.quads[(scalp > -0.15)[body.quads].any(axis=1)]


def growth(person: Person, normals: Floats) -> Floats:
    """Offsets (M, 3) from the skin to the tips of the shells, the head facing the camera; zero when bald."""
    if person.hair_style == "bald":
        return np.zeros_like(normals)
    ramp = np.clip((roots()[0] - person.hairline) / 0.28, 0, 1)[:, None] ** 0.7
    height = SHELLS.get(person.hair_style, 0.05)
    return np.asarray(normals * height * (0.25 + 0.75 * ramp), np.float32)


def knot(person: Person, top: float, pose: Pose) -> Surface:
    """A bun on the back of the crown of a head whose highest place is `top`."""
    around, over = np.meshgrid(np.linspace(0, 2 * np.pi, 40), np.linspace(0.001, np.pi - 0.001, 24))
    size = 0.34 + 0.12 * person.sweep
    radius = size * (1 + 0.05 * np.sin(around * 5 + over * 7) + 0.03 * np.sin(around * 9 - over * 4))
    points = np.stack(
        [
            radius * np.sin(over) * np.cos(around),
            top + 0.12 + 0.8 * radius * np.cos(over),
            0.08 + radius * np.sin(over) * np.sin(around),
        ],
        axis=-1,
    )
    uv = np.stack([around / (2 * np.pi) * 0.6 + over * 0.3, np.full_like(over, 0.4)], axis=-1)
    tint = linear(person.hair_rgb)
    surface = grid_surface(points.astype(np.float32), HAIR, tint, uv=np.asarray(uv, np.float32))
    return pose.surface(surface, np.ones((len(surface.positions), 1), np.float32))
