"""Hair: how far it grows out of each point of the scalp, and the pieces that hang or stand by themselves.

Lengths in dm. The scalp's border is a line in rest space; the same line is painted on the skin.
"""

from functools import cache

import numpy as np

from gpu_worker.base_models.pocket.people.geometry import HAIR, Pose, Surface, grid_surface, linear
from gpu_worker.base_models.pocket.people.mesh import Floats, Ints, mesh
from gpu_worker.base_models.pocket.people.person import Person

LINE_Z = (-1.0, -0.3, 0.0, 0.35, 0.55, 0.75, 1.1, 1.4, 2.0)  # the hairline, nape to forehead
LINE_Y = (6.25, 6.3, 6.75, 6.95, 7.3, 7.6, 7.86, 7.99, 8.0)
LAYERS = {"buzzed": 4, "short": 12, "curly": 16, "afro": 18, "bob": 10, "long": 10, "bun": 8}
TOP, SIDES = (
    {"buzzed": 0.03, "short": 0.22, "curly": 0.36, "bob": 0.17, "long": 0.15, "bun": 0.09},
    {
        "buzzed": 0.025,
        "short": 0.10,
        "curly": 0.26,
        "bob": 0.15,
        "long": 0.13,
        "bun": 0.07,
    },
)
CURL = {"curly": 1.0, "afro": 1.0, "buzzed": 0.6}
ENDS = {"bob": 6.25, "long": 4.9}  # height of the tips


@cache
def roots() -> tuple[Floats, Floats, Ints]:
    """(distance above the hairline (M,), the same for a full beard, quads of both (K, 4))."""
    body = mesh()
    x, y, z = np.abs(body.rest[:, 0]), body.rest[:, 1], body.rest[:, 2]
    outside = (body.part > 0.5) | (body.masks[:, 1] > 0.3)
    scalp = np.where(outside, -1.0, y - np.interp(z, LINE_Z, LINE_Y)).astype(np.float32)
    cheek = 6.62 + 0.42 * np.clip((x - 0.35) / 0.4, 0, 1) - y
    throat = y - (6.12 - 0.3 * np.clip((z - 0.6) / 0.5, 0, 1))
    beard = np.minimum(np.minimum(cheek, throat * 2), (z - 0.45) * 2)
    beard = np.minimum(beard, 0.4 - body.masks[:, 0])
    beard = np.where(outside, -1.0, beard).astype(np.float32)
    near = ((scalp > -0.15) | (beard > -0.15))[body.quads].any(axis=1)
    return scalp, beard, body.quads[near]


def growth(person: Person, positions: Floats, normals: Floats) -> Floats:
    """Offsets (M, 3) from the skin to the tips, for the head as it faces the camera; zero when bald."""
    style = person.hair_style
    body = mesh()
    scalp = roots()[0] - person.hairline
    ramp = np.clip(scalp / 0.28, 0, 1)[:, None] ** 0.7
    if style == "bald":
        return np.zeros_like(positions)
    if style == "afro":
        centre = np.array([0.0, 7.72, 0.35], np.float32)
        out = positions - centre
        far = np.linalg.norm(out, axis=1, keepdims=True)
        reach = np.maximum(1.42 + 0.12 * person.fringe - far, 0.08)
        return np.asarray(out / np.maximum(far, 1e-6) * reach * ramp, np.float32)
    height = np.clip((body.rest[:, 1] - 7.3) / 0.8, 0, 1)[:, None]
    length = SIDES[style] + (TOP[style] - SIDES[style]) * height
    offset = normals * length * (0.25 + 0.75 * ramp)
    if style in ("short", "bob", "long", "curly") and person.fringe:
        front = np.clip((body.rest[:, 2] - 0.95) / 0.3, 0, 1) * np.clip(1.2 - scalp / 0.35, 0, 1)
        fall = np.array([0.0, -0.30, 0.10], np.float32) * person.fringe
        offset = offset + front[:, None] * fall
    return np.asarray(offset, np.float32)


def pieces(person: Person, positions: Floats, pose: Pose) -> list[Surface]:
    """The curtain of a bob or of long hair, or the bun, already turned with the head."""
    tint = linear(person.hair_rgb)
    if person.hair_style in ENDS:
        return [_curtain(person, positions, pose, tint, layer) for layer in range(4)]
    if person.hair_style == "bun":
        return [_bun(positions, pose, tint)]
    return []


def _curtain(person: Person, positions: Floats, pose: Pose, tint: Floats, layer: int) -> Surface:
    """A sheet that covers the skull like a cap and falls around the head, open at the face."""
    top, back, middle, heights, halves = _skull(positions)
    lift = top - 8.45
    end = ENDS[person.hair_style] + lift + 0.08 * np.sin(person.seed * 2.4)
    down = np.linspace(0, 1, 36)[:, None] ** 1.3
    y = top + 0.05 + (end - top) * down
    out = 0.10 + 0.035 * layer
    falls = np.clip((7.1 - y) / 1.6, 0, 1)
    ears = 0.10 * np.clip((top - 0.45 - y) / 0.8, 0, 1)
    side = np.interp(-y, -heights, halves) + out + ears + (0.12 if person.hair_style == "bob" else 0.03) * falls
    share = side / (halves.max() + out + 0.1)
    deep = (middle - back + out) * np.clip(share, 0, 1.05)
    gap = np.radians(66 - 16 * np.clip((7.9 - y) / 0.9, 0, 1) + 5 * layer)
    angle = gap + np.linspace(0, 1, 110) * 2 * (np.pi - gap)
    ripple = 1 + 0.025 * np.sin(angle * 17 + person.seed + layer) * np.clip((7.6 - y) / 0.8, 0, 1)
    x = side * np.sin(angle) * ripple
    z = middle + deep * np.cos(angle) * ripple
    z = _clear_of_body(z, y, np.cos(angle), layer)
    grid = np.stack([x, np.broadcast_to(y, x.shape), z], axis=-1).astype(np.float32)
    surface = grid_surface(grid, HAIR, tint)
    weights = pose.weights(surface.positions[:, 1], 4.7, 6.2)
    return pose.surface(surface, weights)


def _skull(positions: Floats) -> tuple[float, float, float, Floats, Floats]:
    """Top, back and middle of this person's skull, and half its width (falling heights), never narrowing."""
    body = mesh()
    head = positions[(body.part < 0.5) & (body.rest[:, 1] > 6.9) & (body.masks[:, 2] < 0.1)]
    top, back = float(head[:, 1].max()), float(head[:, 2].min())
    middle = (back + float(head[head[:, 1] > top - 1, 2].max())) / 2
    heights = np.linspace(top, top - 1.5, 24)
    halves = [np.abs(head[head[:, 1] > height - 0.04, 0]).max() for height in heights]
    return top, back, middle, heights.astype(np.float32), np.asarray(halves, np.float32)


def _clear_of_body(z: Floats, y: Floats, facing: Floats, layer: int) -> Floats:
    """Hair in front of the ears lies on the chest, the rest hangs behind the shoulders."""
    low = np.clip((5.95 - y) / 0.3, 0, 1)
    chest = 0.78 + 0.62 * np.clip(5.8 - y, 0, 1.2) + 0.03 * layer
    behind = -0.62 - 0.03 * layer
    target = np.where(facing > -0.12, np.maximum(z, chest), np.minimum(z, behind))
    return np.asarray(z + low * (target - z), np.float32)


def _bun(positions: Floats, pose: Pose, tint: Floats) -> Surface:
    top = positions[mesh().part < 0.5][:, 1].max()
    around, over = np.meshgrid(np.linspace(0, 2 * np.pi, 40), np.linspace(0.001, np.pi - 0.001, 24))
    radius = 0.40 * (1 + 0.05 * np.sin(around * 5 + over * 7))
    points = np.stack(
        [
            radius * np.sin(over) * np.cos(around),
            top + 0.16 + 0.82 * radius * np.cos(over),
            0.12 + radius * np.sin(over) * np.sin(around),
        ],
        axis=-1,
    )
    uv = np.stack([around / (2 * np.pi) * 0.6 + over * 0.1, np.full_like(over, 0.4)], axis=-1)
    surface = grid_surface(points.astype(np.float32), HAIR, tint, uv=np.asarray(uv, np.float32))
    weights = np.ones((len(surface.positions), 1), np.float32)
    return pose.surface(surface, weights)
